import { MongoClient, type MongoClientOptions } from "mongodb";
import { badUri } from "./stores/mongodb-uri.js";

/** A server that does not answer for this long is taken for gone: half-open connections otherwise wait for hours. Longer than any wait we ask for. */
const SOCKET_TIMEOUT_MS = 30_000;

/**
 * Of a source's connections. A stream of one database that resumes far back has its first answer when the server has read all other databases'
 * entries up to there, millions, which may take minutes. A server that is gone is known by the driver's own heartbeats, every 10 s, which
 * then end what waits for it; a connection that died alone, by the stall watch.
 */
export const STREAM_PATIENCE: MongoClientOptions = { socketTimeoutMS: 0 };

/** How long to look for a primary before the try counts as failed; the retry around it waits and tries again. */
const SERVER_SELECTION_TIMEOUT_MS = 5_000;

/** One for the stream, one for status and headroom, one to end a cursor. */
const POOL_SIZE = 4;

/** How every connection of ours is made. */
export const clientOptions = (): MongoClientOptions => ({
  appName: "oplog-collector",
  serverSelectionTimeoutMS: SERVER_SELECTION_TIMEOUT_MS,
  connectTimeoutMS: SERVER_SELECTION_TIMEOUT_MS,
  socketTimeoutMS: SOCKET_TIMEOUT_MS,
  maxPoolSize: POOL_SIZE,
  promoteLongs: true,
});

/** A client that connects at its first use; throws `BAD_INPUT` for a URI that can't be used. */
export function makeClient(uri: string, whose: "source" | "target" | "metadata database", options: MongoClientOptions = {}): MongoClient {
  try {
    return new MongoClient(uri, { ...clientOptions(), ...options });
  } catch (error) {
    // Without its cause: the driver's message may repeat the URI.
    throw badUri(error instanceof Error ? error.message : "it is malformed", uri, whose);
  }
}
