import type { Clock } from "./clock.js";
import { OplogError } from "./errors.js";
import { comparePositions } from "./position.js";
import type { SegmentWriter } from "./segment-writer.js";
import type { Checkpoint, Store, Writer } from "./store.js";

/** Writes how far the log reaches beyond its newest segment, and that we live. */
export class CheckpointKeeper {
  constructor(
    private readonly store: Pick<Store, "writeCheckpoint">,
    private readonly writer: Pick<SegmentWriter, "head" | "idle" | "position" | "coveredTo">,
    private readonly self: Writer,
    private readonly clock: Clock,
  ) {}

  async write(): Promise<void> {
    if (this.writer.head.number === 0) return; // nothing durable yet to be a checkpoint of
    if ((await this.store.writeCheckpoint(this.checkpoint(this.self))) === "fenced")
      throw new OplogError("FENCED", "Another collector has taken over this log", {
        hint: "Only one collector may write a log. This one has stopped; nothing it read was lost or stored twice.",
      });
  }

  /** After all is stored: lets the next collector begin without waiting. */
  async release(): Promise<void> {
    if (this.writer.head.number > 0) await this.store.writeCheckpoint(this.checkpoint(null));
  }

  /** A position ahead of the newest segment only when nothing is in memory: an idle tick must never pass events still in hand. */
  private checkpoint(writer: Writer | null): Checkpoint {
    const { head } = this.writer;
    const { writer: added } = this;
    // An idle source's empty reply tells that the newest event's cluster time is complete, without a newer position.
    const ahead = added.idle && (comparePositions(added.position, head.position) > 0 || added.coveredTo > head.coveredTo);
    const { position, coveredTo } = ahead ? added : head;
    return {
      position,
      coveredTo,
      afterSegment: head.number,
      writer,
      at: new Date(this.clock.now()),
    };
  }
}
