import { OplogError } from "./errors.js";
import type { Checkpoint, Writer } from "./store.js";

/** A running collector writes its checkpoint at least this often: the longest an idle source waits to advance, and the sign of life for others. */
export const CHECKPOINT_INTERVAL_MS = 10_000;

/** After three missed checkpoints a writer on another machine is taken for gone. */
export const WRITER_SILENT_MS = 3 * CHECKPOINT_INTERVAL_MS;

/** This process, and what it can see of another one on its own machine. */
export interface Machine {
  host: string;
  pid: number;
  isAlive(pid: number): boolean;
}

/**
 * Refuses to start beside a collector that lives. Only a courtesy: when it is wrong, the segment numbers still let just one of the two go on.
 */
export function checkNoOtherWriter(checkpoint: Checkpoint | null, self: Writer, machine: Machine, now: number): void {
  const other = checkpoint?.writer;
  if (!checkpoint || !other || other.id === self.id) return;
  if (now - checkpoint.at.getTime() > WRITER_SILENT_MS) return;
  if (other.host === machine.host && !machine.isAlive(other.pid)) return;
  throw new OplogError(
    "FENCED",
    `Another collector writes this log: process ${other.pid} on ${other.host}, last seen ${checkpoint.at.toISOString()}`,
    {
      hint: `Stop it first. If it is gone, this log can be taken over ${WRITER_SILENT_MS / 1000} seconds after it was last seen.`,
    },
  );
}
