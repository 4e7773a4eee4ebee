import type { Logger } from "pino";
import type { Clock } from "./clock.js";
import type { ClusterTime } from "./cluster-time.js";
import { describeError } from "./describe-error.js";
import { isOplogError, OplogError } from "./errors.js";
import { comparePositions } from "./position.js";
import { checkSameSource } from "./recover.js";
import { refusal } from "./refusal.js";
import type { SourceIdentity } from "./segment.js";
import type { SegmentWriter } from "./segment-writer.js";
import { classifySourceError } from "./source/classify-error.js";
import type { EventStream, Source, StartPoint } from "./source/source.js";
import type { Troubles } from "./trouble.js";

/** After a stop, how long a source that does not answer is waited for. A cursor that is not closed by then ends by the server's own timeout. */
const STOP_PATIENCE_MS = 2_000;

export interface StreamKeeperOptions {
  source: Source;
  /** The deployment that is captured. */
  identity: SourceIdentity;
  /** Which one answers now. */
  identify: () => Promise<SourceIdentity>;
  /** How many gaps may still be left in this run. */
  gaps: { allowed: number };
  exitWhenCaughtUp: boolean;
  troubles: Pick<Troubles, "failed" | "over">;
  clock: Clock;
  logger: Logger;
  onOpened: (stream: EventStream) => void;
}

/** How reading a stream ended: with what failed, or without a failure. */
type End = { failed: unknown } | "ended" | "caught up";

/** Keeps a stream of the source open and reads it into a log. */
export class StreamKeeper {
  private stream: EventStream | null = null;
  /** Ends the open stream, and only that. */
  private reading = new AbortController();
  /** The place has to be found by cluster time: our token is not known to the stream. */
  private byTime = false;
  /** The source said that history is lost while its oplog seemed to reach back to our position. */
  private lossDoubted = false;

  private readonly stopped = new AbortController();
  private readonly closed = new AbortController(); // ends the timer of a stop
  private isOutOfPatience = false;
  /** Ends the wait for the call of the source that is under way. */
  private abandon = () => {};

  constructor(private readonly options: StreamKeeperOptions) {}

  /** Opens the stream that is read next. */
  async open(start: StartPoint): Promise<EventStream> {
    await this.closeStream();
    this.reading = new AbortController();
    if (this.stopped.signal.aborted) this.reopen();
    const stream = await this.options.source.open(start, this.reading.signal);
    this.stream = stream;
    if (this.isOutOfPatience) await this.closeStream(); // nobody waits for it any more
    return stream;
  }

  /** Ends the open stream; the next one is opened. */
  reopen(): void {
    this.reading.abort();
  }

  /** Ends the open stream and opens no other. */
  stop(): void {
    if (this.stopped.signal.aborted) return;
    this.stopped.abort();
    this.reopen();
    void this.options.clock.sleep(STOP_PATIENCE_MS, this.closed.signal).then(() => {
      this.isOutOfPatience = true;
      this.abandon();
    });
  }

  /** After the last: nothing of it goes on. */
  async close(): Promise<void> {
    await this.closeStream();
    this.isOutOfPatience = true; // one that is still being opened is closed as soon as it is open
    this.closed.abort();
  }

  /** Reads and opens again, until stopped; throws what opening again can't mend, and what the writer throws. */
  async readInto(writer: SegmentWriter): Promise<void> {
    while (!this.stopped.signal.aborted) {
      const end = await this.readOne(writer);
      if (end === "caught up") return;
      if (end !== "ended" && !this.stopped.signal.aborted) await this.mend(end.failed, writer);
    }
  }

  /** One stream, from its opening to its end. What the writer throws is the store's failure, and no reason to open another. */
  private async readOne(writer: SegmentWriter): Promise<End> {
    const { onOpened, troubles, exitWhenCaughtUp } = this.options;
    const opened = this.stream ?? (await this.patiently(this.openAgain(writer)));
    if (opened === undefined) return "ended";
    if ("failed" in opened) return opened;
    this.byTime = false;
    onOpened(opened);
    const batches = opened[Symbol.asyncIterator]();
    try {
      for (let shown = false; ; ) {
        const next = await this.patiently(batches.next());
        if (next === undefined) return "ended";
        if ("failed" in next) return next;
        if (next.done) return shown || this.reading.signal.aborted ? "ended" : { failed: endedAtOnce() };
        const { caughtUp, position } = next.value;
        // A reply of which all was dropped shows nothing.
        if (caughtUp || comparePositions(position, writer.position) > 0) {
          shown = true;
          this.lossDoubted = false;
          troubles.over("source");
        }
        await writer.add(next.value);
        if (caughtUp && exitWhenCaughtUp) return "caught up";
      }
    } finally {
      if (batches.return) await this.patiently(batches.return(undefined)); // if it fails, the next open tells
      await this.closeStream();
    }
  }

  /** What a call of the source comes to, or how it failed; undefined when a stop has lasted too long. Only one at a time. */
  private patiently<T>(call: Promise<T>): Promise<T | { failed: unknown } | undefined> {
    return new Promise((resolve) => {
      this.abandon = () => resolve(undefined);
      if (this.isOutOfPatience) this.abandon();
      call.then(resolve, (error: unknown) => resolve({ failed: error }));
    });
  }

  private async closeStream(): Promise<void> {
    const { stream } = this;
    this.stream = null;
    if (stream) await this.patiently(stream.close());
  }

  private async openAgain(writer: SegmentWriter): Promise<EventStream> {
    const { identity, identify } = this.options;
    checkSameSource(identity, await identify());
    return this.open({ kind: "after", position: writer.position, coveredTo: writer.coveredTo, byTime: this.byTime });
  }

  private async mend(error: unknown, writer: SegmentWriter): Promise<void> {
    const { logger, troubles } = this.options;
    const kind = classifySourceError(error);
    const after = isOplogError(error) ? error.details.goOnAfter : undefined;
    if (kind === "fatal" || (kind === "too-large" && after === undefined)) throw refusal("source", error);
    if ((kind === "history-lost" || kind === "too-large") && (await this.goOnAfterLoss(error, writer, after))) return;
    if (kind === "restart-at-time" && !this.byTime) {
      logger.warn({ ...describeError(error) }, "the source's stream does not know our token; it is opened again at its cluster time");
      this.byTime = true; // no failed try: the source is only to be asked in another way
      return;
    }
    await troubles.failed("source", error, this.stopped.signal, { atOnce: true });
  }

  /**
   * The source no longer has what follows our position, or can't deliver what is up to `after`. Stops here, or stores the hole and begins a new
   * timeline after it. False when the source is to be asked again.
   */
  private async goOnAfterLoss(cause: unknown, writer: SegmentWriter, after?: ClusterTime): Promise<boolean> {
    const { source, gaps, clock, logger } = this.options;
    await writer.flush(); // first of all: the source may never show again what is in hand
    if (gaps.allowed === 0 && after !== undefined) throw cause;
    if (gaps.allowed === 0)
      throw new OplogError("HISTORY_LOST", "The source's oplog no longer holds our position: what happened since then can't be captured", {
        cause,
        hint: "What is stored stays restorable. Go on with a gap (collect --accept-gap), or reset the log, and take a base snapshot; give the source a larger oplog.",
      });
    const stream = await this.patiently(after === undefined ? this.openAfterLoss(writer) : this.open({ kind: "time", after }));
    if (!stream) return true;
    if ("failed" in stream) {
      if (classifySourceError(stream.failed) === "fatal") throw refusal("source", stream.failed);
      logger.warn({ ...describeError(stream.failed) }, "the source could not be opened after the lost history");
      return false;
    }
    const gap = { cause: describeError(cause).message, detectedAt: new Date(clock.now()) };
    const from = { ...writer.position, clusterTime: writer.coveredTo };
    await writer.appendMark({ kind: "gap", from, to: stream.position, coveredTo: stream.coveredTo, format: source.format, gap });
    gaps.allowed--;
    logger.warn({ cause: gap.cause }, "a gap was stored; a new timeline begins");
    return true;
  }

  /** Opens as early after our position as the oplog reaches. Null when it may reach back to our position: then that is tried once more, by time. */
  private async openAfterLoss(writer: SegmentWriter): Promise<EventStream | null> {
    const oldest = await this.openOldest();
    if (oldest && comparePositions(oldest.position, writer.position) > 0) return oldest;
    await this.closeStream();
    // Another member's oplog may reach back further than that of the one which said so.
    if (!this.lossDoubted) {
      this.lossDoubted = true;
      this.byTime = true;
      return null;
    }
    return this.open(oldest ? { kind: "time", after: writer.position.clusterTime } : { kind: "now" });
  }

  /** Null when how far the oplog reaches back can't be known. */
  private async openOldest(): Promise<EventStream | null> {
    if (this.options.identity.sharded) return null; // the shards' oplogs can't be read through mongos
    try {
      return await this.open({ kind: "oldest" });
    } catch (error) {
      if (classifySourceError(error) === "fatal") return null; // we may not read it
      throw error;
    }
  }
}

const endedAtOnce = (): OplogError =>
  new OplogError("UNREACHABLE", "The source closed the stream before it had shown anything", {
    hint: "If this stays, the source's log says why.",
  });
