import { decodeHeader, documentsIn, OplogError, readPayload, runWithDocuments, type Store } from "@oplog-collector/collector-core";
import type { MongoClient } from "mongodb";
import { encodeWrite } from "../statement.js";
import type { SnapshotCollection } from "./snapshot-collection.js";
import { recordOf } from "./snapshot-record.js";

const USERS_AND_ROLES = ["admin.system.users", "admin.system.roles"];

/**
 * Adds the users and roles of a snapshot to the target's; those of the same name are replaced, others stay. Returns how many. As the log's own
 * changes of them are applied, because `_mergeAuthzCollections` leaves who is there already as he is, or drops who has another name.
 */
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
    const chunks = [...documentsIn(await readPayload(segment, header))].map(
      (bytes) => encodeWrite({ kind: "insert", namespace, key: bytes, bytes }, "converge").bytes,
    );
    const reply = await runWithDocuments(
      client.db("admin"),
      { update: namespace.slice("admin.".length), ordered: true, writeConcern: { w: "majority" } },
      { name: "updates", chunks },
    );
    const [refused] = (reply.writeErrors ?? []) as { errmsg: string }[];
    if (refused)
      throw new OplogError("APPLY_FAILED", `A document of ${namespace} was refused by the target: ${refused.errmsg}`, { cause: refused });
    restored += chunks.length;
  }
  return restored;
}
