import type { Clock } from "./clock.js";
import { OplogError } from "./errors.js";
import { comparePositions } from "./position.js";
import { refusal } from "./refusal.js";
import type { SegmentWriter } from "./segment-writer.js";
import { isFatalStoreError } from "./source/classify-error.js";
import type { Checkpoint, Store, Writer } from "./store.js";
import type { Troubles } from "./trouble.js";
import { CHECKPOINT_INTERVAL_MS } from "./writer-claim.js";

export interface CheckpointKeeperOptions {
  store: Pick<Store, "writeCheckpoint">;
  writer: Pick<SegmentWriter, "head" | "idle" | "position" | "coveredTo">;
  self: Writer;
  clock: Clock;
  troubles: Pick<Troubles, "trying" | "failed" | "over">;
  onWritten: (checkpoint: Checkpoint) => void;
}

/** Writes how far the log reaches beyond its newest segment, and that we live. */
export class CheckpointKeeper {
  constructor(private readonly options: CheckpointKeeperOptions) {}

  /** Writes one at each interval until the signal aborts. Throws `FENCED` when another collector has taken over. */
  async keep(signal: AbortSignal): Promise<void> {
    const { clock, troubles } = this.options;
    while (!signal.aborted) {
      try {
        await this.write(); // never abandoned: it would come after the release
        troubles.over("checkpoint");
        await clock.sleep(CHECKPOINT_INTERVAL_MS, signal);
      } catch (error) {
        if (isFatalStoreError(error)) throw refusal("store", error);
        await troubles.failed("checkpoint", error, signal);
      }
    }
  }

  /** Writes one now. */
  async announce(signal: AbortSignal): Promise<void> {
    await this.options.troubles.trying("checkpoint", signal, () => this.write(), isFatalStoreError);
  }

  /** After all is stored: lets the next collector begin without waiting. */
  async release(signal: AbortSignal): Promise<void> {
    const { store, writer, troubles } = this.options;
    if (writer.head.number === 0) return;
    await troubles.trying("checkpoint", signal, () => store.writeCheckpoint(this.checkpoint(null)), isFatalStoreError);
  }

  private async write(): Promise<void> {
    const { store, writer, self, onWritten } = this.options;
    if (writer.head.number === 0) return; // nothing durable yet to be a checkpoint of
    const checkpoint = this.checkpoint(self);
    if ((await store.writeCheckpoint(checkpoint)) === "fenced")
      throw new OplogError("FENCED", "Another collector has taken over this log", {
        hint: "Only one collector may write a log. This one has stopped; nothing it read was lost or stored twice.",
      });
    onWritten(checkpoint);
  }

  /** A position ahead of the newest segment only when nothing is in memory: an idle tick must never pass events still in hand. */
  private checkpoint(self: Writer | null): Checkpoint {
    const { writer, clock } = this.options;
    const { head } = writer;
    // An idle source's empty reply tells that the newest event's cluster time is complete, without a newer position.
    const ahead = writer.idle && (comparePositions(writer.position, head.position) > 0 || writer.coveredTo > head.coveredTo);
    const { position, coveredTo } = ahead ? writer : head;
    return { position, coveredTo, afterSegment: head.number, writer: self, at: new Date(clock.now()) };
  }
}
