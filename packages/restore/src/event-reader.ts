import type { Operation } from "./operation.js";

/** What becomes of one event: what to do on the target, or why nothing. */
export interface Decoded {
  operations: Operation[];
  /** Set when the event asks nothing of a target. */
  skipped?: string;
}

/** Reads the events of one format, one after another. */
export interface EventReader {
  /** The cluster time of the event that was read last. */
  readonly seconds: number;
  readonly ordinal: number;
  read(event: Buffer): void;
  /** A promise when more than the event itself is needed. */
  decode(): Decoded | Promise<Decoded>;
}
