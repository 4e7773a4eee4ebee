import type { Clock } from "./clock.js";
import { OplogError } from "./errors.js";
import { type Recovered, recover } from "./recover.js";
import type { Checkpoint, Store, Writer } from "./store.js";

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

export interface ClaimOptions {
  machine: Machine;
  clock: Clock;
  /** Even from a collector that seems to live. */
  takeOver: boolean;
}

/**
 * Makes us the writer of a log, and reads where it ends; null when it is empty, and whoever stores its first segment gets it. Throws `FENCED` when
 * another collector has it.
 *
 * Who holds the checkpoint goes on, and who finds it held by another stops. That alone does not keep two apart, since one that lost it may see
 * so only at its next checkpoint; the segment numbers do: each is stored once, whoever stores it.
 */
export async function claimLog(store: Store, self: Writer, { machine, clock, takeOver }: ClaimOptions): Promise<Recovered | null> {
  const found = await store.readCheckpoint();
  const isOurs = found?.writer?.id === self.id;
  if (!takeOver) checkNoOtherWriter(found, self, machine, clock.now());
  const recovered = await recover(store, found);
  if (!recovered) return null;
  const { head, position, coveredTo } = recovered;
  const checkpoint: Checkpoint = { position, coveredTo, afterSegment: head.number, writer: self, at: new Date(clock.now()) };
  // One that is free or ours already is not taken from anyone: of two that find it free at once the second is then refused.
  const isFree = !found?.writer || isOurs;
  if ((await store.writeCheckpoint(checkpoint, { takeOver: !isFree })) === "fenced")
    throw new OplogError("FENCED", "Another collector has just begun to write this log", { hint: "Stop it first." });
  return recovered;
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
