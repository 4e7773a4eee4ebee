import type { MongoClient, Timestamp } from "mongodb";
import type { ClusterTime } from "../cluster-time.js";

/** Writes a document that a majority has when this resolves with its cluster time: everything before it has happened. */
export async function mark(client: MongoClient, database: string): Promise<ClusterTime> {
  // Not the reply's operationTime: on a set that others write to as well it may be that of a later write, not committed yet.
  const { opTime } = await client
    .db(database)
    .command({ insert: "marks", documents: [{ at: new Date() }], writeConcern: { w: "majority" } });
  return (opTime.ts as Timestamp).toBigInt();
}
