import { describeError, isLoginRefused, isOplogError, loginRefused, makeClient, OplogError } from "@oplog-collector/collector-core";
import type { Db, MongoClient } from "mongodb";

/** Used when the URI names none. */
export const DEFAULT_METADATA_DATABASE = "oplog_collector";

/** A lease is renewed or given up within seconds: an answer that takes longer is as good as none. */
const SERVER_SELECTION_TIMEOUT_MS = 3_000;
const SOCKET_TIMEOUT_MS = 10_000;

export interface MetadataDatabase {
  db: Db;
  client: MongoClient;
}

/** The database that all servers of one installation share. Connects at its first use. */
export function openMetadata(uri: string): MetadataDatabase {
  const client = makeClient(uri, "metadata database", {
    serverSelectionTimeoutMS: SERVER_SELECTION_TIMEOUT_MS,
    connectTimeoutMS: SERVER_SELECTION_TIMEOUT_MS,
    socketTimeoutMS: SOCKET_TIMEOUT_MS,
    // Wishes, looks, leases and states at the same time.
    maxPoolSize: 10,
  });
  const named = /^mongodb(?:\+srv)?:\/\/[^/]*\/([^?]+)/i.exec(uri.trim())?.[1];
  return { db: client.db(named ? decodeURIComponent(named) : DEFAULT_METADATA_DATABASE), client };
}

/** Why nothing can begin without it, in a sentence. */
export function metadataFailure(error: unknown): OplogError {
  if (isOplogError(error)) return error;
  if (isLoginRefused(error)) return loginRefused("metadata database", error);
  const { message, hint } = describeError(error);
  return new OplogError("UNREACHABLE", `The metadata database can't be used: ${message}`, { cause: error, hint });
}
