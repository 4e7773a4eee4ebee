import { decodeHeader, documentsIn, readPayload, type Store } from "@oplog-collector/collector-core";
import type { MongoClient } from "mongodb";
import { runWithDocuments } from "../raw-command.js";
import type { SnapshotCollection } from "./snapshot-collection.js";
import { recordOf } from "./snapshot-record.js";

/** Where the server's own tools put users and roles before they are merged with those of the target. */
const TEMPORARY: Record<string, string> = { "admin.system.users": "tempusers", "admin.system.roles": "temproles" };

/** Adds the users and roles of a snapshot to the target's; those of the same name are replaced, others stay. Returns how many. */
export async function restoreUsers(client: MongoClient, store: Store, collections: readonly SnapshotCollection[]): Promise<number> {
  const parts = new Map(
    collections
      .filter(({ namespace }) => namespace in TEMPORARY)
      .flatMap(({ namespace, parts }) => parts.map(({ part }): [number, string] => [part, namespace])),
  );
  const admin = client.db("admin");
  let restored = 0;
  const used = new Set<string>();
  try {
    for await (const stored of store.headers()) {
      const header = decodeHeader(stored.header);
      const record = recordOf(header);
      const namespace = record?.what === "documents" ? parts.get(record.part) : undefined;
      const segment = namespace && (await store.read(stored.number));
      if (!segment) continue;
      const temporary = TEMPORARY[namespace]!;
      if (!used.has(temporary)) await admin.collection(temporary).drop();
      used.add(temporary);
      const chunks = [...documentsIn(await readPayload(segment, header))];
      const reply = await runWithDocuments(admin, { insert: temporary, ordered: true }, { name: "documents", chunks });
      restored += Number(reply.n);
    }
    if (used.size > 0)
      await admin.command({
        _mergeAuthzCollections: 1,
        ...(used.has("tempusers") && { tempUsersCollection: "admin.tempusers" }),
        ...(used.has("temproles") && { tempRolesCollection: "admin.temproles" }),
        drop: false,
        db: "",
        writeConcern: { w: "majority" },
      });
    return restored;
  } finally {
    for (const temporary of used) await admin.collection(temporary).drop();
  }
}
