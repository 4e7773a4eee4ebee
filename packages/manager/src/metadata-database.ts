import { makeClient, OplogError } from "@oplog-collector/collector-core";
import type { Db, MongoClient } from "mongodb";

/** Used when the URI names none. */
export const DEFAULT_METADATA_DATABASE = "oplog_collector";

/** A lease is renewed or given up within seconds: an answer that takes longer is as good as none. */
const SERVER_SELECTION_TIMEOUT_MS = 3_000;
const SOCKET_TIMEOUT_MS = 10_000;

/** The database that all servers of one installation share; the client only when the connection is our own. */
export function openMetadata({ db, metadataUri }: { db?: Db; metadataUri?: string }): { db: Db; client: MongoClient | null } {
  if ((db === undefined) === (metadataUri === undefined))
    throw new OplogError("BAD_INPUT", "A manager takes either a db or a metadataUri", { hint: "Give one of the two." });
  if (db) return { db, client: null };
  const client = makeClient(metadataUri!, "source", {
    serverSelectionTimeoutMS: SERVER_SELECTION_TIMEOUT_MS,
    connectTimeoutMS: SERVER_SELECTION_TIMEOUT_MS,
    socketTimeoutMS: SOCKET_TIMEOUT_MS,
    // Wishes, looks, leases and states at the same time.
    maxPoolSize: 10,
  });
  const named = /^mongodb(?:\+srv)?:\/\/[^/]*\/([^?]+)/i.exec(metadataUri!.trim())?.[1];
  return { db: client.db(named ? decodeURIComponent(named) : DEFAULT_METADATA_DATABASE), client };
}
