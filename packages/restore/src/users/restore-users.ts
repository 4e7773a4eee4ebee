import {
  type ClusterTime,
  decodeHeader,
  documentsIn,
  OplogError,
  readPayload,
  runWithDocuments,
  type Store,
} from "@oplog-collector/collector-core";
import type { MongoClient } from "mongodb";
import type { SnapshotCollection } from "../snapshot/snapshot-collection.js";
import { recordOf } from "../snapshot/snapshot-record.js";
import { encodeWrite } from "../statement.js";
import type { RecordedUsers } from "./users-log.js";

const USERS_AND_ROLES = ["admin.system.users", "admin.system.roles"];

/** When the users and roles of a snapshot were read; null when it has none. */
export function usersReadAt(collections: readonly SnapshotCollection[]): ClusterTime | null {
  const times = collections.filter(({ namespace }) => USERS_AND_ROLES.includes(namespace)).map(({ parts }) => parts.at(-1)!.readAt);
  return times.length === 0 ? null : times.reduce((least, time) => (time < least ? time : least));
}

/** Adds the users and roles of a snapshot to the target's; those of the same name are replaced, others stay. Returns how many. */
export async function restoreUsers(client: MongoClient, store: Store, collections: readonly SnapshotCollection[]): Promise<number> {
  const parts = new Map(
    collections
      .filter(({ namespace }) => USERS_AND_ROLES.includes(namespace))
      .flatMap(({ namespace, parts }) => parts.map(({ part }): [number, string] => [part, namespace])),
  );
  let restored = 0;
  for await (const stored of store.headers()) {
    const header = decodeHeader(stored.header);
    const record = recordOf(header);
    const namespace = record?.what === "documents" ? parts.get(record.part) : undefined;
    const segment = namespace && (await store.read(stored.number));
    if (!segment) continue;
    restored += await write(client, namespace, [...documentsIn(await readPayload(segment, header))]);
  }
  return restored;
}

/** The same of what was recorded of them since. */
export async function restoreRecorded(client: MongoClient, { users, roles }: RecordedUsers): Promise<number> {
  // Roles first: a user may have one of them.
  return (await write(client, "admin.system.roles", roles)) + (await write(client, "admin.system.users", users));
}

/**
 * As the log's own changes of them are applied, because `_mergeAuthzCollections` leaves who is there already as he is, or drops who has another
 * name.
 */
async function write(client: MongoClient, namespace: string, documents: readonly Buffer[]): Promise<number> {
  if (documents.length === 0) return 0;
  const chunks = documents.map((bytes) => encodeWrite({ kind: "insert", namespace, key: bytes, bytes }, "converge").bytes);
  const reply = await runWithDocuments(
    client.db("admin"),
    { update: namespace.slice("admin.".length), ordered: true, writeConcern: { w: "majority" } },
    { name: "updates", chunks },
  );
  const [refused] = (reply.writeErrors ?? []) as { errmsg: string }[];
  if (refused)
    throw new OplogError("APPLY_FAILED", `A document of ${namespace} was refused by the target: ${refused.errmsg}`, { cause: refused });
  return chunks.length;
}
