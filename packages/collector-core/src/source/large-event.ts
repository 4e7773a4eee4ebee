import { BSON, type MongoClient, type Timestamp } from "mongodb";
import { type ClusterTime, formatClusterTime } from "../cluster-time.js";
import { OplogError } from "../errors.js";
import { OplogEntryScan } from "../oplog-entry.js";
import { clusterTimeOfToken, type Position, tokenData } from "../position.js";
import { entryAt, firstShownBeyond } from "./blind-spots.js";
import { classifySourceError } from "./classify-error.js";
import { RawCursor } from "./raw-cursor.js";

/** The change stream, opened after a position; stages that are added come last. */
export interface StreamAfter {
  client: MongoClient;
  /** The one that is captured; null: the whole deployment. */
  database: string | null;
  namespace: { database: string; collection: string };
  position: Position;
  pipeline: object[];
  /** Why the oplog can't be read; null: it can. */
  oplogUnreadable: string | null;
}

/** Bare of all that makes an event large, but for its token. */
const ENVELOPE = { $project: { operationType: 1, clusterTime: 1, ns: 1 } };

/**
 * Without those of which the token alone is too large: as hex it is twice as long as the `_id`, and a reply holds it twice. Such a reply is not even
 * refused: the server (6.0.5) closes the connection.
 */
const SMALL_TOKENS = { $match: { $expr: { $lt: [{ $strLenBytes: "$_id._data" }, 4 * 1024 * 1024] } } };

/** No entry up to this size makes an event that is too large: at most the event holds all of it three times, where it is nearly all `_id`. */
const SMALL_ENTRY_BYTES = 4 * 1024 * 1024;

/** How long the server may look for the event that it has just failed to deliver. */
const AWAIT_MS = 1_000;

/**
 * The oplog entry of the first event, which is too large: beyond 16 MiB with its token. Null when there is none. Throws `EVENT_TOO_LARGE` where the
 * oplog can't be read, or the entry can't stand for the event: others of its transaction came before it, or the transaction has several entries.
 */
export async function entryOfLargeEvent(stream: StreamAfter): Promise<Buffer | null> {
  const { client, position, oplogUnreadable } = stream;
  const seen = await next(stream, SMALL_TOKENS, ENVELOPE);
  if (oplogUnreadable) throw await unnamed(stream, seen, oplogUnreadable);
  const hidden = await firstShownBeyond(client, position.clusterTime, SMALL_ENTRY_BYTES, stream.database);
  const scan = new OplogEntryScan();
  if (hidden) scan.read(hidden, 0);
  let entry = hidden;
  // A small entry comes before it: an update of which the stream makes more than it says.
  if (!("end" in seen) && (!hidden || seen.clusterTime < scan.clusterTime)) {
    entry = await entryAt(client, seen.clusterTime);
    if (!entry) throw new OplogError("HISTORY_LOST", `The source's oplog no longer holds the entry ${formatClusterTime(seen.clusterTime)}`);
    scan.read(entry, 0);
  }
  if (!entry) return null;
  const { kind, clusterTime, transaction } = scan;
  const refuse = (why: string) => tooLarge(described({ ...kind, clusterTime }), why, clusterTime);
  if (clusterTime === position.clusterTime) throw refuse("it is in the middle of a transaction, which the oplog holds only as a whole");
  if (transaction) throw refuse("its transaction has several oplog entries, which can't be put in its place");
  return entry;
}

/** What can be said of the event without the oplog. `seen`: the first event with a token that fits a reply. */
async function unnamed(stream: StreamAfter, seen: Event | { end: ClusterTime }, why: string): Promise<OplogError> {
  const after = `An event after ${formatClusterTime(stream.position.clusterTime)}`;
  if ("end" in seen) return tooLarge(after, why, seen.end);
  const isDelivered = await next(stream, SMALL_TOKENS).catch(unlessTooLarge);
  return isDelivered ? tooLarge(after, why, seen.clusterTime - 1n) : tooLarge(described(seen), why, seen.clusterTime);
}

interface Event {
  clusterTime: ClusterTime;
  operation: string;
  namespace: string;
}

/** The first event of the stream with those stages; where there is none, the cluster time up to which the server has looked. */
async function next({ client, namespace, pipeline }: StreamAfter, ...stages: object[]): Promise<Event | { end: ClusterTime }> {
  // Batch size 0: opening fails for no event.
  const { cursor } = await RawCursor.open(client, namespace, {
    aggregate: 1,
    pipeline: [...pipeline, ...stages],
    cursor: { batchSize: 0 },
  });
  try {
    const { documents, postBatchToken } = await cursor.more(1, AWAIT_MS);
    const [event] = Object.values(BSON.deserialize(documents)) as {
      operationType: string;
      clusterTime: Timestamp;
      ns?: { db: string; coll?: string };
    }[];
    if (!event) return { end: clusterTimeOfToken(tokenData(postBatchToken!)) ?? 0n };
    const { operationType: operation, clusterTime, ns } = event;
    return { operation, clusterTime: clusterTime.toBigInt(), namespace: ns ? [ns.db, ns.coll].filter(Boolean).join(".") : "" };
  } finally {
    await cursor.close();
  }
}

function unlessTooLarge(error: unknown): null {
  if (classifySourceError(error) !== "too-large") throw error;
  return null;
}

const described = ({ operation, namespace, clusterTime }: Event): string =>
  `The ${operation} event of ${namespace} at ${formatClusterTime(clusterTime)}`;

const tooLarge = (what: string, why: string, goOnAfter: ClusterTime): OplogError =>
  new OplogError("EVENT_TOO_LARGE", `${what} is too large for a change stream, and ${why}`, {
    hint: "Begin a log with --capture oplog, which carries every event; or go on with a gap in its place (--accept-gap). MongoDB 6.0.9 and newer deliver most such events in fragments.",
    goOnAfter,
  });
