import type { Logger } from "pino";
import type { Clock } from "./clock.js";
import { type ClusterTime, formatClusterTime } from "./cluster-time.js";
import { describeError } from "./describe-error.js";
import { headroomMs } from "./headroom.js";
import type { Appended, SegmentWriter } from "./segment-writer.js";
import type { Source } from "./source/source.js";
import { StallWatch } from "./stall.js";
import type { CollectorStatus, StatusBoard } from "./status.js";
import type { Checkpoint } from "./store.js";

/** How often lag, headroom and a stalled stream are looked at. */
const OBSERVE_INTERVAL_MS = 10_000;

export interface ObserverOptions {
  source: Pick<Source, "newest" | "oplogWindow">;
  writer: Pick<SegmentWriter, "head" | "idle" | "position" | "currentTo">;
  board: StatusBoard;
  clock: Clock;
  logger: Logger;
  /** Called when the source moves on and the stream shows nothing of it. */
  onStalled: () => void;
}

/** Keeps in the status how far the log reaches, how far that is behind, and how long there is time; notices a stream that has died without a word. */
export class Observer {
  /** The source's clock up to which everything is stored. */
  private storedTo = 0;
  private readonly stall = new StallWatch();

  constructor(private readonly options: ObserverOptions) {}

  /** Looks at each interval until the signal aborts. */
  async observe(signal: AbortSignal): Promise<void> {
    const { clock, board } = this.options;
    for (;;) {
      await clock.sleep(OBSERVE_INTERVAL_MS, signal);
      if (signal.aborted) return;
      const seen = await this.look();
      if (signal.aborted) return;
      board.update({ ...seen, lagMs: this.lagMs() });
    }
  }

  appended({ head, events, bytes, storedBytes, currentTo }: Appended): void {
    const { board } = this.options;
    const { current } = board;
    this.storedTo = Math.max(this.storedTo, currentTo);
    board.update({
      position: head.position,
      coveredTo: head.coveredTo,
      lastEventAt: events > 0 ? head.position.wallTime : current.lastEventAt,
      lagMs: this.lagMs(),
      events: current.events + events,
      bytes: current.bytes + bytes,
      storedBytes: current.storedBytes + storedBytes,
    });
  }

  checkpointed({ position, coveredTo }: Checkpoint): void {
    this.options.board.update({ position, coveredTo, lagMs: this.lagMs() });
  }

  private async look(): Promise<Partial<CollectorStatus>> {
    const { source, writer } = this.options;
    try {
      const window = await source.oplogWindow();
      this.lookForStall("newest" in window ? window.newest : await source.newest());
      return headroomMs(window, writer.head.position.clusterTime);
    } catch (error) {
      return { headroomMs: null, headroomUnknown: describeError(error).message };
    }
  }

  private lookForStall(newest: ClusterTime): void {
    const { writer, clock, logger, onStalled } = this.options;
    if (!writer.idle) return; // it is the store that is waited for
    const { clusterTime: position } = writer.position;
    if (!this.stall.look({ newest, position, at: clock.now() })) return;
    logger.warn({ position: formatClusterTime(position) }, "the source moves on and the stream does not; it is opened again");
    onStalled();
  }

  private lagMs(): number | null {
    const { writer, clock, board } = this.options;
    // With nothing in memory the last reply counts, even if it was empty: nothing was outstanding then.
    if (writer.idle) this.storedTo = Math.max(this.storedTo, writer.currentTo);
    return this.storedTo > 0 ? Math.max(0, clock.now() - this.storedTo) : board.current.lagMs;
  }
}
