import { appendUntilStored } from "./append.js";
import { CheckpointKeeper, type CheckpointKeeperOptions } from "./checkpoint-keeper.js";
import { isOplogError, OplogError } from "./errors.js";
import { SegmentWriter, type SegmentWriterOptions } from "./segment-writer.js";
import type { Store } from "./store.js";

/** After a stop was asked for, how long a store that does not answer is waited for. What is not stored by then is read again at the next start. */
const STOP_PATIENCE_MS = 10_000;

export type LogKeeperOptions = Omit<SegmentWriterOptions, "store"> & Omit<CheckpointKeeperOptions, "store" | "writer"> & { store: Store };

/** Writes a log, its segments and its checkpoints, and lets go of it in good order. */
export class LogKeeper {
  /** What fails beside it, as a checkpoint that shows another writer, fails the segment writer too. */
  readonly writer: SegmentWriter;
  private readonly checkpoints: CheckpointKeeper;
  private readonly stopCheckpoints = new AbortController();
  private readonly ended = new AbortController();
  private readonly keeping: Promise<void>;

  constructor(private readonly options: LogKeeperOptions) {
    const { store, troubles } = options;
    this.writer = new SegmentWriter({
      ...options,
      keepContent: store.showsEvents ?? false,
      keys: store.keys,
      store: (segment) => appendUntilStored(store, segment, troubles, this.ended.signal),
    });
    this.checkpoints = new CheckpointKeeper({ ...options, writer: this.writer });
    this.keeping = this.checkpoints.keep(this.stopCheckpoints.signal).catch((error: unknown) => this.writer.giveUp(error));
  }

  /** Stores the beginning of a new log, and at once who writes it: a collector that starts a moment later is to see us. */
  async begin(mark: Parameters<SegmentWriter["appendMark"]>[0]): Promise<void> {
    await this.writer.appendMark(mark);
    // A store that does not answer holds up a stop no longer here than elsewhere.
    await Promise.race([this.checkpoints.announce(this.ended.signal), this.writer.whenFailed()]);
  }

  /** From now on a store that does not answer is waited for so long and no longer. */
  async hurry(): Promise<void> {
    await this.options.clock.sleep(STOP_PATIENCE_MS, this.ended.signal);
    this.writer.giveUp(
      new OplogError("UNREACHABLE", "The store did not answer while stopping; the newest events are not stored yet", {
        hint: "They are read again from the source at the next start, as long as its oplog holds them.",
      }),
    );
    this.ended.abort();
  }

  /** Stores what is in hand; then the next collector may begin without waiting. */
  async finish(): Promise<void> {
    await this.writer.flush();
    this.stopCheckpoints.abort();
    // A checkpoint that is on its way would take back the release if it came after it.
    const released = this.keeping.then(() => this.checkpoints.release(this.ended.signal));
    await Promise.race([released, this.writer.whenFailed()]).catch((error: unknown) => {
      if (isOplogError(error, "FENCED")) throw error;
      // All is stored. The next collector on another machine has to wait until we are taken for gone.
    });
  }

  /** What is not done by now never will be. */
  close(): void {
    this.ended.abort();
    this.stopCheckpoints.abort();
    this.writer.giveUp(new OplogError("UNREACHABLE", "The log is no longer written"));
  }
}
