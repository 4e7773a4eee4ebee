import { createHash } from "node:crypto";
import { Binary, BSON, Timestamp } from "mongodb";
import { OplogError } from "../errors.js";
import { readPosition, type StoredPosition, storePosition } from "../position.js";
import type { Checkpoint, Writer } from "../store.js";

/** A checkpoint as every store keeps it, as a BSON document. */
export interface StoredCheckpoint {
  /** `coveredTo` stands in here: a server replaces a `Timestamp(0, 0)` at a document's top level with its own time. */
  position: StoredPosition & { coveredTo: Timestamp };
  afterSegment: number;
  writer: Writer | null;
  at: Date;
  /** SHA-256 of the fields above: a position that is wrong by one bit would make the collector go on behind events that it never saw. */
  hash: Binary;
}

export function storeCheckpoint({ position, coveredTo, afterSegment, writer, at }: Checkpoint): StoredCheckpoint {
  const fields = {
    position: { ...storePosition(position), coveredTo: new Timestamp(coveredTo) },
    afterSegment,
    writer: writer && { id: writer.id, host: writer.host, pid: writer.pid },
    at,
  };
  return { ...fields, hash: new Binary(hashOf(fields)) };
}

/** Throws `DAMAGED` when it is not what `storeCheckpoint` made. */
export function readStoredCheckpoint({ position, afterSegment, writer, at, hash }: StoredCheckpoint): Checkpoint {
  const isHash = hash instanceof Binary && hash.sub_type === Binary.SUBTYPE_DEFAULT;
  if (!isHash || !hashOf({ position, afterSegment, writer, at }).equals(hash.value()))
    throw new OplogError("DAMAGED", "The checkpoint is not what was written", {
      hint: "Delete it: the log goes on from its newest segment.",
    });
  return {
    position: readPosition(position),
    coveredTo: position.coveredTo.toBigInt(),
    afterSegment,
    writer: writer && { id: writer.id, host: writer.host, pid: writer.pid },
    at,
  };
}

const hashOf = (fields: Omit<StoredCheckpoint, "hash">): Buffer => createHash("sha256").update(BSON.serialize(fields)).digest();

export const encodeCheckpoint = (checkpoint: Checkpoint): Buffer => Buffer.from(BSON.serialize(storeCheckpoint(checkpoint)));

export const decodeCheckpoint = (bytes: Buffer): Checkpoint => readStoredCheckpoint(BSON.deserialize(bytes) as StoredCheckpoint);

/**
 * Who writes this checkpoint: its writer, or, when it is a release (writer null), who wrote through the same handle before.
 */
export const writerOf = (checkpoint: Checkpoint, lastWriter: string | undefined): string | undefined => checkpoint.writer?.id ?? lastWriter;

/** Whether the stored checkpoint is held by someone else than `writer`. */
export const isHeldByAnother = (stored: Checkpoint | null, writer: string | undefined): boolean =>
  !!stored?.writer && stored.writer.id !== writer;
