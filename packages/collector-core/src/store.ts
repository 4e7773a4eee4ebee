import type { Keyring } from "./keyring.js";
import type { Position } from "./position.js";
import type { SealedSegment } from "./segment.js";

/** Who writes a log: one process's one run. */
export interface Writer {
  /** Random, one a run. */
  id: string;
  host: string;
  pid: number;
}

/** A position newer than the last segment: what lets an idle source advance, and what shows that a writer lives. */
export interface Checkpoint {
  position: Position;
  coveredTo: bigint;
  /** The newest segment when this was written. Once a newer one is stored, this checkpoint says nothing any more. */
  afterSegment: number;
  /** Who writes; null after a clean stop. */
  writer: Writer | null;
  at: Date;
}

/**
 * Where segments go: one named log in one place. The collector calls it from one place at a time, and never appends number n + 1
 * before n is acknowledged.
 */
export interface Sink {
  /**
   * Stores the segment under its number if that number is free. Resolves `stored` only when it survives a crash of the machine (or, on a
   * replica set, of a minority); `taken` when the number holds a segment already, whichever. Throws when neither is known: the collector then
   * reads the number back, or calls again with the same segment.
   */
  append(segment: SealedSegment): Promise<"stored" | "taken">;
  /** Lets go of connections and files. */
  close(): Promise<void>;
}

/** What of a stored segment is read without its payload. */
export interface StoredHeader {
  number: number;
  /** The header's exact bytes: `decodeHeader` reads them. */
  header: Buffer;
  hash: Buffer;
  /** What the store keeps for it: header and payload, as stored. */
  storedBytes: number;
}

/**
 * Many segments kept as one object, a bundle, where a store can: nothing else about them changes. At any moment `headers` and `read` give each
 * one byte for byte, and its number is taken.
 */
export interface Bundling {
  /** What is kept so, by the numbers of the segments, both inclusive; ascending. */
  ranges(): Promise<{ first: number; last: number }[]>;
  /** Keeps these consecutive segments, which the store holds already, as one object, and then no longer as many; the bytes of that object. */
  bundle(segments: readonly SealedSegment[]): Promise<number>;
  /** Removes what one that was interrupted has left: segments that are in a bundle and objects of their own; how many. */
  tidy(): Promise<number>;
}

/** A sink that can be read back. */
export interface Store extends Sink {
  /** Who writes here encrypts with these, and what is read brings them along; absent: it is not encrypted. A store itself knows nothing of it. */
  readonly keys?: Keyring;
  /** It also shows each event to whoever may read its database: it is of no use to encrypt what it keeps. */
  readonly showsEvents?: true;
  /** Absent: it keeps each segment as it was stored. */
  readonly bundling?: Bundling | undefined;
  /** The headers in the order of their numbers, from the first above `after`; from the end backwards with `reverse`. */
  headers(range?: { after?: number; reverse?: boolean }): AsyncIterable<StoredHeader>;
  /** The segment of that number, or null when there is none. */
  read(number: number): Promise<SealedSegment | null>;
  readCheckpoint(): Promise<Checkpoint | null>;
  /**
   * Replaces the checkpoint, durably. Without `takeOver` only if the stored one is of the same writer, was released, or is absent: `fenced` otherwise.
   */
  writeCheckpoint(checkpoint: Checkpoint, options?: { takeOver?: boolean }): Promise<"stored" | "fenced">;
  /** Deletes the segments numbered up to and including `upTo` (all, and the checkpoint, without it), the oldest first. */
  remove(upTo?: number): Promise<void>;
}

/** A place that holds many logs, opened from a URI. */
export interface StoreLocation {
  /** Opens the log of that name, making it when it does not exist. */
  log(name: string): Promise<Store>;
  /** The names of the logs that hold at least one segment; with a prefix, of those that begin with it: a look at one log need not look at all. */
  names(prefix?: string): Promise<string[]>;
  /** The server processes behind it (`topologyVersion.processId`) and the database: what tells a collector that it would capture itself. */
  readonly deployment?: { processIds: string[]; database: string };
  close(): Promise<void>;
}
