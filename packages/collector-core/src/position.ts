import { Binary, BSON, Timestamp } from "mongodb";
import { type ClusterTime, clusterTime, dateOf, formatClusterTime } from "./cluster-time.js";
import { rawElement, rawString } from "./raw-bson.js";

/** Where in the source's history we are. */
export interface Position {
  /**
   * The whole resume token document as BSON bytes, as the server sent it (clustered collections add `_typeBits` to `_data`).
   * Null for a position on the raw oplog, where the cluster time says all.
   */
  token: Buffer | null;
  clusterTime: ClusterTime;
  /** The source's clock at the last event, for people to read; null where only a token is known. Nothing is ordered by it. */
  wallTime: Date | null;
}

/** How a position prints, in every place: command line, API, logs. */
export interface PrintedPosition {
  clusterTime: string;
  wallTime: string;
  token: string | null;
}

/** The hex text by which tokens are ordered: compared as strings it is the order of the stream. */
export function tokenData(token: Buffer): string {
  const data = rawElement(token, "_data");
  if (data?.type !== 0x02) throw new TypeError("A resume token without a string _data");
  return rawString(token, data.valueStart);
}

/** Bytes 1 to 8 of a token are its cluster time (byte 0 is the type, 0x82). */
export function clusterTimeOfToken(data: string): ClusterTime | undefined {
  return /^82[0-9A-F]{16}/i.test(data)
    ? clusterTime(Number.parseInt(data.slice(2, 10), 16), Number.parseInt(data.slice(10, 18), 16))
    : undefined;
}

/**
 * A high-water mark stands between events: all before its cluster time were shown, of its own time some may still come. It ends (at 30 digits) where
 * an event's token goes on with which event it is.
 */
export const isHighWaterMark = (data: string): boolean => data.length <= 30;

/**
 * True for the token of an event. The other kind, a high-water mark, stands before the events of its cluster time. After the cluster time come the
 * version (2) and the kind (128 for an event) as the server's key strings write numbers; in any form but this one it is not taken for an event.
 */
export const isEventToken = (data: string): boolean => /^82[0-9A-F]{16}2B022C0100/i.test(data);

/**
 * Of an event in a transaction, how many operations of it came before. It follows the kind, as key strings write small numbers: 0 as `29`, others
 * doubled, after `2B` in one byte, `2C` in two, `2D` in three. Null where it is written in another way.
 */
export function indexInTransaction(data: string): number | null {
  const written = /^82[0-9A-F]{16}2B022C0100(?:29|2B([0-9A-F]{2})|2C([0-9A-F]{4})|2D([0-9A-F]{6}))/i.exec(data);
  if (!written || !isEventToken(data)) return null;
  const doubled = Number.parseInt(written[1] ?? written[2] ?? written[3] ?? "0", 16);
  return doubled % 2 === 0 ? doubled / 2 : null;
}

/** A token document from the hex text that users type and logs print. */
export const tokenFromData = (data: string): Buffer => Buffer.from(BSON.serialize({ _data: data.toUpperCase() }));

export function positionOfToken(token: Buffer, wallTime: Date | null = null): Position {
  const time = clusterTimeOfToken(tokenData(token));
  if (time === undefined) throw new TypeError("A resume token that does not start with a cluster time");
  return { token, clusterTime: time, wallTime };
}

/** Negative when a comes before b. Tokens decide where both have one; the cluster time decides elsewhere. */
export function comparePositions(a: Position, b: Position): number {
  if (a.token && b.token) {
    const [x, y] = [tokenData(a.token), tokenData(b.token)];
    return x < y ? -1 : x > y ? 1 : 0;
  }
  return a.clusterTime < b.clusterTime ? -1 : a.clusterTime > b.clusterTime ? 1 : 0;
}

export const printPosition = (position: Position): PrintedPosition => ({
  clusterTime: formatClusterTime(position.clusterTime),
  wallTime: (position.wallTime ?? dateOf(position.clusterTime)).toISOString(),
  token: position.token && tokenData(position.token),
});

/** A position as it stands in headers and checkpoints. */
export interface StoredPosition {
  token: Binary | null;
  ts: Timestamp;
  wall: Date | null;
}

export const storePosition = ({ token, clusterTime, wallTime }: Position): StoredPosition => ({
  token: token && new Binary(token),
  ts: new Timestamp(clusterTime),
  wall: wallTime,
});

export const readPosition = ({ token, ts, wall }: StoredPosition): Position => ({
  token: token && Buffer.from(token.buffer.subarray(0, token.position)),
  clusterTime: ts.toBigInt(),
  wallTime: wall,
});
