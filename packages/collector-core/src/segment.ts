import { createHash } from "node:crypto";
import { Binary, BSON, Timestamp } from "mongodb";
import type { ClusterTime } from "./cluster-time.js";
import { type Codec, decompress } from "./codec.js";
import { decrypt, type Encryption, encrypt, encryptionBy } from "./encryption.js";
import { OplogError } from "./errors.js";
import type { Keyring } from "./keyring.js";
import { type Position, readPosition, type StoredPosition, storePosition } from "./position.js";
import { documentsIn } from "./raw-bson.js";

/** Grows when a reader of the old form could misread the new one. */
export const SEGMENT_FORMAT_VERSION = 2;

/** What a segment is written as that uses nothing of the newer forms: 2 is for encrypted ones. */
const PLAIN_VERSION = 1;

/** What the payload's documents are: change stream events, oplog entries, or (in a base snapshot) the source's documents. */
export type EventFormat = "change-event" | "oplog-entry" | "document";

/** How many events of one operation on one namespace. */
export interface EventCount {
  namespace: string;
  operation: string;
  events: number;
}

/** Which deployment a timeline was captured from, and how. */
export interface SourceIdentity {
  /** `settings.replicaSetId` of the set's configuration (or the sharded cluster's id); null when we may not read it. */
  replicaSetId: string | null;
  setName: string | null;
  sharded: boolean;
  version: string;
  /** The one database that is captured; null: the whole deployment. */
  database: string | null;
  /**
   * What the source sends, however it is read. A change stream's log may also hold single oplog entries, which the stream could not carry. Absent
   * in a base snapshot, which is not read from a stream.
   */
  format?: Exclude<EventFormat, "document">;
}

/**
 * - `start`: begins a timeline. No events; `from`, `to` and `coveredTo` are its starting position.
 * - `events`: the events of `(from, to]`.
 * - `gap`: what is between `from` and `to` was not captured, and why. A new timeline begins at its `coveredTo`.
 */
export type SegmentKind = "start" | "events" | "gap";

/** Why a range is missing, kept in the log for ever. */
export interface GapCause {
  cause: string;
  detectedAt: Date;
}

export interface SegmentHeader {
  /** Consecutive from 1; a store keeps one segment a number. */
  number: number;
  kind: SegmentKind;
  log: string;
  /** Hash of the segment before, null for the first: the chain. */
  previous: Buffer | null;
  sealedAt: Date;
  from: Position;
  to: Position;
  /** Every event of the source up to this cluster time, inclusive, is in the log: `to` may be in the middle of a transaction, this never is. */
  coveredTo: ClusterTime;
  format: EventFormat;
  events: number;
  /** The events' BSON size, before compression. */
  bytes: number;
  counts: EventCount[];
  codec: Codec;
  /** Absent: the payload is not encrypted. */
  encryption?: Encryption;
  /** What is captured, in every segment of a log: the newest one alone tells how to go on, however long the log is or whatever was pruned. */
  source?: SourceIdentity;
  gap?: GapCause;
  /** In the segments of a base snapshot: which part of the source this is. Its shape is the business of the restore package. */
  snapshot?: Record<string, unknown>;
}

/** A segment as it is stored: the header's exact bytes, the payload as compressed, and the hash over both. */
export interface SealedSegment {
  number: number;
  header: Buffer;
  payload: Buffer;
  /** SHA-256 of header and payload; the header holds the hash before, so this proves the whole chain up to here. */
  hash: Buffer;
  /** The payload before it was compressed, for a store that shows events: whoever has just sealed the segment has it still. */
  content?: Buffer | undefined;
  /** What it can be decrypted with, where its store was opened with keys. */
  keys?: Keyring;
}

interface StoredHeader {
  v: number;
  n: number;
  kind: SegmentKind;
  log: string;
  prev: Binary | null;
  sealedAt: Date;
  from: StoredPosition;
  to: StoredPosition;
  coveredTo: Timestamp;
  format: EventFormat;
  events: number;
  bytes: number;
  counts: [string, string, number][];
  codec: Codec;
  enc?: { alg: Encryption["algorithm"]; key: string; nonce: Binary };
  source?: SourceIdentity;
  gap?: GapCause;
  snapshot?: Record<string, unknown>;
}

export function encodeHeader(header: SegmentHeader): Buffer {
  const stored: StoredHeader = {
    v: header.encryption ? SEGMENT_FORMAT_VERSION : PLAIN_VERSION,
    n: header.number,
    kind: header.kind,
    log: header.log,
    prev: header.previous && new Binary(header.previous),
    sealedAt: header.sealedAt,
    from: storePosition(header.from),
    to: storePosition(header.to),
    coveredTo: new Timestamp(header.coveredTo),
    format: header.format,
    events: header.events,
    bytes: header.bytes,
    counts: header.counts.map(({ namespace, operation, events }) => [namespace, operation, events]),
    codec: header.codec,
    ...(header.encryption && {
      enc: { alg: header.encryption.algorithm, key: header.encryption.keyId, nonce: new Binary(header.encryption.nonce) },
    }),
    ...(header.source && { source: header.source }),
    ...(header.gap && { gap: header.gap }),
    ...(header.snapshot && { snapshot: header.snapshot }),
  };
  return Buffer.from(BSON.serialize(stored));
}

export function decodeHeader(bytes: Buffer): SegmentHeader {
  let version: unknown;
  try {
    const stored = BSON.deserialize(bytes) as StoredHeader;
    version = stored.v;
    if (version === PLAIN_VERSION || version === SEGMENT_FORMAT_VERSION) return headerOf(stored);
  } catch (cause) {
    // Also a field that is not there, because a bit of its name is another.
    throw new OplogError("DAMAGED", "A segment's header can't be read", { cause, hint: DAMAGED_HINT });
  }
  throw new OplogError("DAMAGED", `A segment of format version ${version}; this program reads versions up to ${SEGMENT_FORMAT_VERSION}`, {
    hint: "Use the version of Oplog Collector that wrote the log, or a newer one.",
  });
}

function headerOf(stored: StoredHeader): SegmentHeader {
  return {
    number: stored.n,
    kind: stored.kind,
    log: stored.log,
    previous: stored.prev && Buffer.from(stored.prev.buffer.subarray(0, stored.prev.position)),
    sealedAt: stored.sealedAt,
    from: readPosition(stored.from),
    to: readPosition(stored.to),
    coveredTo: stored.coveredTo.toBigInt(),
    format: stored.format,
    events: stored.events,
    bytes: stored.bytes,
    counts: stored.counts.map(([namespace, operation, events]) => ({ namespace, operation, events })),
    codec: stored.codec,
    ...(stored.enc && {
      encryption: { algorithm: stored.enc.alg, keyId: stored.enc.key, nonce: Buffer.from(stored.enc.nonce.value()) },
    }),
    ...(stored.source && { source: stored.source }),
    ...(stored.gap && { gap: stored.gap }),
    ...(stored.snapshot && { snapshot: stored.snapshot }),
  };
}

export const hashSegment = (header: Buffer, payload: Buffer): Buffer => createHash("sha256").update(header).update(payload).digest();

/**
 * Gives a segment its number and its place in the chain. `payload` is already compressed with `header.codec`. With keys it is encrypted, and the
 * header sealed with it.
 */
export function sealSegment(header: SegmentHeader, payload: Buffer, keys?: Keyring): SealedSegment {
  const encryption = keys && encryptionBy(keys);
  const bytes = encodeHeader({ ...header, ...(encryption && { encryption }) });
  const stored = encryption ? encrypt(payload, bytes, encryption, keys) : payload;
  return { number: header.number, header: bytes, payload: stored, hash: hashSegment(bytes, stored) };
}

const DAMAGED_HINT = "Run verify. Restore the store from its own backup, or restore to a time before this segment.";

/** The events of a segment, one after another; throws `DAMAGED` when they are not what was sealed, `FORBIDDEN` without their key. The hash is checked before anything is believed. */
export async function readPayload(segment: SealedSegment, known?: SegmentHeader): Promise<Buffer> {
  const damaged = (what: string, cause?: unknown) =>
    new OplogError("DAMAGED", `Segment ${segment.number} ${what}`, { cause, hint: DAMAGED_HINT });
  if (!hashSegment(segment.header, segment.payload).equals(segment.hash)) throw damaged("does not have the hash it was stored with");
  const header = known ?? decodeHeader(segment.header);
  let compressed = segment.payload;
  if (header.encryption)
    try {
      compressed = decrypt(segment.payload, segment.header, header.encryption, segment.number, segment.keys);
    } catch (error) {
      if (error instanceof OplogError) throw error;
      throw damaged("is not what was sealed with its key", error);
    }
  let payload: Buffer;
  try {
    payload = await decompress(header.codec)(compressed);
  } catch (error) {
    if (error instanceof OplogError) throw error;
    throw damaged("can't be decompressed", error);
  }
  if (payload.length !== header.bytes) throw damaged(`holds ${payload.length} bytes of events, its header says ${header.bytes}`);
  return payload;
}

/** The events of a segment as buffers. */
export async function* eventsOf(segment: SealedSegment): AsyncGenerator<Buffer> {
  yield* documentsIn(await readPayload(segment));
}
