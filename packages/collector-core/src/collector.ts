import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { type Logger, pino } from "pino";
import { ReportWatch } from "./capture-report/report-watch.js";
import { type Clock, systemClock } from "./clock.js";
import { secondsOf } from "./cluster-time.js";
import { type Codec, DEFAULT_CODEC } from "./codec.js";
import { describeError, networkCode } from "./describe-error.js";
import { isOplogError, OplogError } from "./errors.js";
import { LogKeeper } from "./log-keeper.js";
import { checkLogName } from "./log-name.js";
import { Observer } from "./observer.js";
import { DEFAULT_SEGMENT_LIMITS, type SegmentLimits } from "./open-segment.js";
import { checkSameSource, type Recovered } from "./recover.js";
import { refusal } from "./refusal.js";
import { DEFAULT_RETRY, type RetryOptions } from "./retry.js";
import type { SourceIdentity } from "./segment.js";
import { checkNoSelfCapture } from "./self-capture.js";
import { classifySourceError, isFatalStoreError } from "./source/classify-error.js";
import type { EventStream, Source, StartPoint } from "./source/source.js";
import { checkStart } from "./start-point.js";
import { type CollectorState, type CollectorStatus, initialStatus, StatusBoard, type StatusError, type StatusListener } from "./status.js";
import type { Store, StoreLocation, Writer } from "./store.js";
import { StreamKeeper } from "./stream-keeper.js";
import { Troubles } from "./trouble.js";
import { claimLog, type Machine } from "./writer-claim.js";

export interface CollectorOptions {
  /** The log's name: letters, digits, `-` and `_`. */
  name: string;
  source: Source;
  store: Store;
  /** The place the store was opened in: refused when it lies inside what is captured. @default not checked */
  storeLocation?: Pick<StoreLocation, "deployment">;
  /** Where a log that is empty begins; a log that exists goes on where it ended. @default now */
  from?: StartPoint;
  /** When the source no longer has our position: store a gap and go on, once, instead of stopping. @default false */
  acceptGap?: boolean;
  /** Stop when the source has nothing more to show. @default false */
  exitWhenCaughtUp?: boolean;
  /** Write even though another collector seems to: for a supervisor that holds the lease. @default false */
  takeOver?: boolean;
  /** @default 5,000 events, 8 MiB, 1 s */
  limits?: Partial<SegmentLimits>;
  /** @default brotli */
  codec?: Codec;
  /** @default no limit, from 250 ms to 15 s */
  retry?: Partial<RetryOptions>;
  /** @default silent */
  logger?: Logger;
  clock?: Clock;
  machine?: Machine;
}

const SILENT = pino({ enabled: false });

/** A log this far ahead of its source is not behind by clock skew: the source is another one, or was put back to an older state. */
const AHEAD_SECONDS = 60;

/** Where a log goes on, or where one that is empty begins. */
interface Beginning extends Pick<Recovered, "head" | "position" | "coveredTo"> {
  identity: SourceIdentity;
  /** Null when it is empty. */
  recovered: Recovered | null;
}

/**
 * Records one source into one log.
 *
 *     const collector = new Collector({ name: "shop", source: new ChangeStreamSource({ uri }), store });
 *     collector.subscribe((status) => console.log(status.state, status.lagMs));
 *     await collector.run(signal);
 */
export class Collector {
  private readonly options: Required<Omit<CollectorOptions, "limits" | "retry" | "storeLocation">> &
    Pick<CollectorOptions, "storeLocation"> & { limits: SegmentLimits; retry: RetryOptions };
  private readonly board: StatusBoard;
  private readonly troubles: Troubles;
  private readonly reports: ReportWatch;
  private readonly self: Writer;
  private readonly gaps: { allowed: number };
  private identity: SourceIdentity | undefined;
  /** True once a stream is read, which is after the starting position is durable. */
  private started = false;
  private stopping = false;

  constructor(options: CollectorOptions) {
    const machine = options.machine ?? { host: hostname(), pid: process.pid, isAlive };
    this.options = {
      from: { kind: "now" },
      acceptGap: false,
      exitWhenCaughtUp: false,
      takeOver: false,
      codec: DEFAULT_CODEC,
      logger: SILENT,
      clock: systemClock,
      ...options,
      name: checkLogName(options.name),
      machine,
      limits: { ...DEFAULT_SEGMENT_LIMITS, ...options.limits },
      retry: { ...DEFAULT_RETRY, ...options.retry },
    };
    this.gaps = { allowed: this.options.acceptGap ? 1 : 0 };
    this.self = { id: randomUUID(), host: machine.host, pid: machine.pid };
    this.board = new StatusBoard(initialStatus(machine.pid));
    const { clock, logger } = this.options;
    this.reports = new ReportWatch({ board: this.board, clock, logger });
    this.troubles = new Troubles(this.options.retry, this.options.clock, (failed) => this.showTrouble(failed));
  }

  get status(): CollectorStatus {
    return this.board.current;
  }

  /** Calls the listener at each change of the status; returns the function that ends it. */
  subscribe(listener: StatusListener): () => void {
    return this.board.subscribe(listener);
  }

  /** Captures until the signal aborts (resolves, with all stored) or something happens that trying again can't mend (throws `OplogError`). */
  async run(signal: AbortSignal = new AbortController().signal): Promise<void> {
    try {
      while (!(await this.captureAsWriter(signal)));
      this.board.update({ state: "stopped", error: null });
    } catch (error) {
      const final = refusal("source", error);
      this.board.update({ state: endState(error), error: describeError(final) });
      throw final;
    }
  }

  /** False when it has to begin again: another writer, whose place we took, had still a segment on its way, and ours goes after it. */
  private async captureAsWriter(signal: AbortSignal): Promise<boolean> {
    const { store } = this.options;
    try {
      await this.capture(signal);
      return true;
    } catch (error) {
      // When stopped as well, what we have read is read again at the next start.
      if (!isOplogError(error, "FENCED") || signal.aborted) throw error;
      const checkpoint = await this.troubles.trying("store", signal, () => store.readCheckpoint(), isFatalStoreError);
      if (checkpoint?.writer?.id !== this.self.id) throw error;
      return false;
    }
  }

  private async capture(signal: AbortSignal): Promise<void> {
    const { source, store, exitWhenCaughtUp, clock, logger } = this.options;
    const { troubles, gaps } = this;
    this.started = this.stopping = false;
    this.showState();
    const identify = () => this.identify();
    this.identity ??= await troubles.trying("source", signal, identify, isHopeless);
    const { identity } = this;
    const claim = () => claimLog(store, this.self, this.options);
    const recovered = identity && (await troubles.trying("store", signal, claim, isFatalStoreError));
    if (!identity || recovered === undefined) return; // stopped before anything began
    const onOpened = (stream: EventStream) => this.showRunning(stream);
    const streams = new StreamKeeper({ source, identity, identify, gaps, exitWhenCaughtUp, troubles, clock, logger, onOpened });
    try {
      const start = recovered ?? (await troubles.trying("source", signal, () => this.openFirst(streams), isHopeless));
      if (start) await this.captureFrom({ ...start, identity, recovered }, streams, signal);
    } finally {
      await streams.close();
    }
  }

  /** Everything that captures runs from here on, and has ended when this returns. */
  private async captureFrom(beginning: Beginning, streams: StreamKeeper, signal: AbortSignal): Promise<void> {
    const { source, name, limits, codec, store, clock, logger } = this.options;
    const { board, self, troubles } = this;
    const { position, coveredTo, head, identity } = beginning;
    const log: LogKeeper = new LogKeeper({
      ...{ log: name, source: identity, head, position, coveredTo, limits, codec, store, clock, self, troubles },
      onAppended: (appended) => {
        observer.appended(appended);
        this.reports.appended(appended);
      },
      onWritten: (checkpoint) => observer.checkpointed(checkpoint),
    });
    const { writer } = log;
    const observer = new Observer({ source, writer, board, clock, logger, onStalled: () => streams.reopen() });
    const observed = new AbortController();
    const stop = () => {
      this.showStopping();
      streams.stop();
      void log.hurry();
    };
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
    writer.whenFailed().catch(() => streams.stop());
    void observer.observe(observed.signal);
    void this.reports.watch(observed.signal);
    try {
      const failed = await failureOf(this.captureInto(log, beginning, streams, signal));
      this.showStopping();
      // Also when the source has failed: it may never show again what is in hand.
      const unfinished = await failureOf(log.finish());
      if (failed ?? unfinished) throw (failed ?? unfinished)?.error;
    } finally {
      signal.removeEventListener("abort", stop);
      observed.abort();
      log.close();
    }
  }

  private async captureInto(log: LogKeeper, beginning: Beginning, streams: StreamKeeper, signal: AbortSignal): Promise<void> {
    const { recovered, position, coveredTo, identity } = beginning;
    if (recovered) {
      this.board.update({ position, coveredTo, lastEventAt: recovered.lastEventAt });
      await this.troubles.trying("source", signal, () => this.checkContinues(recovered, identity), isHopeless);
    } else {
      const { format } = this.options.source;
      await log.begin({ kind: "start", from: position, to: position, coveredTo, format });
    }
    await streams.readInto(log.writer);
  }

  private async identify(): Promise<SourceIdentity> {
    const { source, storeLocation } = this.options;
    const identity = await source.identify();
    if (storeLocation?.deployment)
      checkNoSelfCapture({ processIds: await source.processIds(), database: identity.database }, storeLocation.deployment);
    return identity;
  }

  /** Opens the stream of a log that has nothing yet. */
  private async openFirst(streams: StreamKeeper): Promise<Pick<Recovered, "head" | "position" | "coveredTo">> {
    const { source, from } = this.options;
    checkStart(from, await source.newest(), await source.oplogWindow());
    const { position, coveredTo } = await streams.open(from);
    return { head: { number: 0, hash: null, position, coveredTo }, position, coveredTo };
  }

  private async checkContinues(recovered: Recovered, identity: SourceIdentity): Promise<void> {
    const { source } = this.options;
    checkSameSource(recovered.source, identity);
    if (recovered.format !== source.format)
      throw new OplogError(
        "BAD_INPUT",
        `This log holds ${recovered.format === "oplog-entry" ? "oplog entries" : "change stream events"}; it can't go on with the other kind`,
        {
          hint: `Use --capture ${recovered.format === "oplog-entry" ? "oplog" : "change-stream"}, or auto.`,
        },
      );
    const ahead = secondsOf(recovered.position.clusterTime) - secondsOf(await source.newest());
    if (ahead > AHEAD_SECONDS)
      throw new OplogError(
        "SOURCE_MISMATCH",
        `This log is ${ahead} seconds ahead of the source: the source was put back to an older state, or is another one`,
        {
          hint: "Begin a new log for it under another name.",
        },
      );
  }

  private showRunning(stream: EventStream): void {
    this.started = true;
    this.reports.opened(stream);
    this.board.update({ notes: stream.notes, capture: this.options.source.format === "oplog-entry" ? "oplog" : "change-stream" });
    this.showState();
  }

  private showStopping(): void {
    this.stopping = true;
    this.showState();
  }

  private showTrouble(failed: StatusError | null): void {
    if (failed) this.options.logger.warn({ ...failed }, "a try has failed");
    this.showState();
  }

  private showState(): void {
    const error = this.troubles.current;
    const state = this.stopping ? "stopping" : error ? "retrying_connection" : this.started ? "running" : "starting";
    this.board.update({ state, error });
  }
}

const failureOf = (act: Promise<void>): Promise<{ error: unknown } | null> =>
  act.then(
    () => null,
    (error: unknown) => ({ error }),
  );

/** At the first connection a wrong host name or password is the operator's slip; later it is an outage, and worth waiting for. */
const isHopeless = (error: unknown): boolean => classifySourceError(error) !== "resume" || networkCode(error) === "ENOTFOUND";

function endState(error: unknown): CollectorState {
  if (isOplogError(error, "HISTORY_LOST")) return "error_resume_token_lost";
  return isOplogError(error, "UNREACHABLE") ? "error_max_retries_reached" : "error";
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
