import { BSON, Timestamp } from "mongodb";
import { readPosition, type StoredPosition, storePosition } from "../position.js";
import type { Checkpoint, Writer } from "../store.js";

/** A checkpoint as every store keeps it, as a BSON document. */
export interface StoredCheckpoint {
  /** `coveredTo` stands in here: a server replaces a `Timestamp(0, 0)` at a document's top level with its own time. */
  position: StoredPosition & { coveredTo: Timestamp };
  afterSegment: number;
  writer: Writer | null;
  at: Date;
}

export const storeCheckpoint = ({ position, coveredTo, afterSegment, writer, at }: Checkpoint): StoredCheckpoint => ({
  position: { ...storePosition(position), coveredTo: new Timestamp(coveredTo) },
  afterSegment,
  writer: writer && { id: writer.id, host: writer.host, pid: writer.pid },
  at,
});

export const readStoredCheckpoint = ({ position, afterSegment, writer, at }: StoredCheckpoint): Checkpoint => ({
  position: readPosition(position),
  coveredTo: position.coveredTo.toBigInt(),
  afterSegment,
  writer: writer && { id: writer.id, host: writer.host, pid: writer.pid },
  at,
});

export const encodeCheckpoint = (checkpoint: Checkpoint): Buffer => Buffer.from(BSON.serialize(storeCheckpoint(checkpoint)));

export const decodeCheckpoint = (bytes: Buffer): Checkpoint => readStoredCheckpoint(BSON.deserialize(bytes) as StoredCheckpoint);

/**
 * Who writes this checkpoint: its writer, or, when it is a release (writer null), who wrote through the same handle before.
 */
export const writerOf = (checkpoint: Checkpoint, lastWriter: string | undefined): string | undefined => checkpoint.writer?.id ?? lastWriter;

/** Whether the stored checkpoint is held by someone else than `writer`. */
export const isHeldByAnother = (stored: Checkpoint | null, writer: string | undefined): boolean =>
  !!stored?.writer && stored.writer.id !== writer;
