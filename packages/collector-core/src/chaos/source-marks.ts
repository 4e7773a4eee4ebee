import type { MongoClient, Timestamp } from "mongodb";
import type { ClusterTime } from "../cluster-time.js";

/** Writes a document that a majority has when this resolves with its cluster time: everything before it has happened. */
export async function mark(client: MongoClient, database: string): Promise<ClusterTime> {
  const { operationTime } = await client
    .db(database)
    .command({ insert: "marks", documents: [{ at: new Date() }], writeConcern: { w: "majority" } });
  return (operationTime as Timestamp).toBigInt();
}
