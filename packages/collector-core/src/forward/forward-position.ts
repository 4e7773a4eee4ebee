import { type ClusterTime, formatClusterTime, parseClusterTime } from "../cluster-time.js";
import { OplogError } from "../errors.js";

/**
 * How far a log was published. By segment and event, not by time: the events of a transaction share one. A compaction keeps the numbers, a copy the
 * hashes, so it stays true for both.
 */
export interface ForwardPosition {
  segment: number;
  /** The segment's hash: tells whether the log is still the one that was published. */
  hash: Buffer;
  /** How many of its events are published. */
  events: number;
  /** All of them are: what is next is in the next segment. */
  complete: boolean;
  /** Of the last event, to say to people where that is. */
  clusterTime: ClusterTime;
}

/** As it is kept where it is published to, and shown. */
export interface PrintedForwardPosition {
  segment: number;
  hash: string;
  events: number;
  complete: boolean;
  clusterTime: string;
}

export const printForwardPosition = ({ segment, hash, events, complete, clusterTime }: ForwardPosition): PrintedForwardPosition => ({
  segment,
  hash: hash.toString("hex"),
  events,
  complete,
  clusterTime: formatClusterTime(clusterTime),
});

/** Throws `DAMAGED` for anything that was not printed so: going on from a wrong place would lose or double events. */
export function parseForwardPosition(text: string): ForwardPosition {
  try {
    const { segment, hash, events, complete, clusterTime } = JSON.parse(text) as PrintedForwardPosition;
    const time = parseClusterTime(clusterTime);
    if (Number.isSafeInteger(segment) && Number.isSafeInteger(events) && /^[0-9a-f]{64}$/.test(hash) && time !== undefined)
      return { segment, hash: Buffer.from(hash, "hex"), events, complete: complete === true, clusterTime: time };
  } catch {
    // It is said below.
  }
  throw new OplogError("DAMAGED", "The position that is kept beside what was published can't be read", {
    hint: "It was written by something else, or by a newer version of Oplog Collector: use that.",
  });
}
