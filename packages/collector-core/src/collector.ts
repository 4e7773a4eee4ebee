import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { type Logger, pino } from "pino";
import { appendOnce } from "./append.js";
import { CheckpointKeeper } from "./checkpoint-keeper.js";
import { type Clock, systemClock } from "./clock.js";
import { secondsOf } from "./cluster-time.js";
import { type Codec, DEFAULT_CODEC } from "./codec.js";
import { describeError, networkCode } from "./describe-error.js";
import { isOplogError, OplogError } from "./errors.js";
import { headroomMs } from "./headroom.js";
import { checkLogName } from "./log-name.js";
import { checkSameSource, type Recovered, recover } from "./recover.js";
import { refusal } from "./refusal.js";
import { DEFAULT_RETRY, type RetryOptions } from "./retry.js";
import type { SealedSegment, SourceIdentity } from "./segment.js";
import { type Appended, DEFAULT_SEGMENT_LIMITS, type SegmentLimits, SegmentWriter } from "./segment-writer.js";
import { checkNoSelfCapture } from "./self-capture.js";
import { classifySourceError, isFatalStoreError } from "./source/classify-error.js";
import type { EventStream, Source, StartPoint } from "./source/source.js";
import { isStalled, type StallLook } from "./stall.js";
import { checkStart } from "./start-point.js";
import { type CollectorState, type CollectorStatus, initialStatus, StatusBoard, type StatusListener } from "./status.js";
import type { Checkpoint, Store, StoreLocation, Writer } from "./store.js";
import { type Side, Troubles } from "./trouble.js";
import { CHECKPOINT_INTERVAL_MS, checkNoOtherWriter, type Machine } from "./writer-claim.js";

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
  /** @default gzip */
  codec?: Codec;
  /** @default no limit, from 250 ms to 15 s */
  retry?: Partial<RetryOptions>;
  /** @default silent */
  logger?: Logger;
  clock?: Clock;
  machine?: Machine;
}

/** After a stop was asked for, how long a store that does not answer is waited for. What is not stored by then is read again at the next start. */
const STOP_PATIENCE_MS = 10_000;

/** How often lag, headroom and a stalled stream are looked at. */
const OBSERVE_INTERVAL_MS = 5_000;

/** A log this far ahead of its source is not behind by clock skew: the source is another one, or was put back to an older state. */
const AHEAD_SECONDS = 60;

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
  private readonly board = new StatusBoard(initialStatus(process.pid));
  private readonly troubles: Troubles;
  private readonly writerId: Writer;
  private gapAllowed: boolean;
  /** True from the durable starting position on: until then a recovered trouble means `starting` again. */
  private started = false;

  constructor(options: CollectorOptions) {
    const machine = options.machine ?? { host: hostname(), pid: process.pid, isAlive };
    this.options = {
      from: { kind: "now" },
      acceptGap: false,
      exitWhenCaughtUp: false,
      takeOver: false,
      codec: DEFAULT_CODEC,
      logger: pino({ enabled: false }),
      clock: systemClock,
      ...options,
      name: checkLogName(options.name),
      machine,
      limits: { ...DEFAULT_SEGMENT_LIMITS, ...options.limits },
      retry: { ...DEFAULT_RETRY, ...options.retry },
    };
    this.gapAllowed = this.options.acceptGap;
    this.writerId = { id: randomUUID(), host: machine.host, pid: machine.pid };
    this.troubles = new Troubles(this.options.retry, this.options.clock, () => this.showTrouble());
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
      await this.capture(signal);
      this.board.update({ state: "stopped", error: null });
    } catch (error) {
      const final = refusal("source", error);
      this.board.update({ state: endState(error), error: describeError(final) });
      throw final;
    }
  }

  private async capture(signal: AbortSignal): Promise<void> {
    const { source, store, name, limits, codec, clock } = this.options;
    const identity = await this.trying("source", signal, () => this.identify(), isHopeless);
    const recovered = await this.trying("store", signal, () => this.claim(), isFatalStoreError);
    if (!identity || recovered === undefined) return; // stopped before anything began
    if (recovered) await this.checkContinues(recovered, identity);

    let stream: EventStream | null = null;
    const stopSource = new AbortController();
    const start: StartPoint = recovered
      ? { kind: "after", position: recovered.head.position, coveredTo: recovered.head.coveredTo }
      : this.options.from;
    if (!recovered) stream = (await this.trying("source", signal, () => this.openFirst(start, stopSource.signal), isHopeless)) ?? null;
    if (!recovered && !stream) return;
    const head = recovered?.head ?? { number: 0, hash: null, position: stream!.position, coveredTo: stream!.coveredTo };
    const storeSegment = (segment: SealedSegment) => this.storeSegment(segment, signal);
    const writer = new SegmentWriter({
      log: name,
      source: identity,
      head,
      limits,
      codec,
      clock,
      store: storeSegment,
      onAppended: (appended) => this.showAppended(appended),
    });
    const keeper = new CheckpointKeeper(store, writer, this.writerId, clock);
    const done = new AbortController();
    const stop = () => stopSource.abort();
    signal.addEventListener("abort", stop, { once: true });
    writer.whenFailed().catch(stop);
    let lost: unknown;
    const watching = Promise.all([
      this.keepCheckpoint(keeper, done.signal),
      this.observe(writer, () => this.reopen?.abort(), done.signal),
    ]).catch((error) => {
      lost = error;
      stop();
    });
    try {
      this.board.update({ position: head.position, coveredTo: head.coveredTo, lastEventAt: recovered?.lastEventAt ?? null });
      if (!recovered)
        await writer.appendMark({
          kind: "start",
          from: head.position,
          to: head.position,
          coveredTo: head.coveredTo,
          format: source.format,
        });
      await this.captureUntilStopped(writer, stream, identity, stopSource.signal);
      if (lost) throw lost;
      this.board.update({ state: "stopping" });
      await writer.flush();
      done.abort();
      await watching;
      if (lost) throw lost;
      await keeper.release();
    } finally {
      done.abort();
      stopSource.abort();
      signal.removeEventListener("abort", stop);
      await watching;
    }
  }

  /** Aborts the open stream only: it is opened again. */
  private reopen: AbortController | null = null;

  /** Reads the source and opens it again, until stopped; throws what opening again can't mend. */
  private async captureUntilStopped(
    writer: SegmentWriter,
    opened: EventStream | null,
    identity: SourceIdentity,
    signal: AbortSignal,
  ): Promise<void> {
    const { source, logger } = this.options;
    let stream = opened;
    let byTime = false;
    while (!signal.aborted) {
      const reopen = new AbortController();
      this.reopen = reopen;
      const streamSignal = AbortSignal.any([signal, reopen.signal]);
      try {
        if (!stream) {
          checkSameSource(identity, await this.identify());
          stream = await source.open({ kind: "after", position: writer.position, coveredTo: writer.coveredTo, byTime }, streamSignal);
        }
        byTime = false;
        this.running(stream);
        for await (const batch of stream) {
          await writer.add(batch);
          this.troubles.over("source");
          if (batch.caughtUp && this.options.exitWhenCaughtUp) return;
        }
      } catch (error) {
        if (signal.aborted || isOplogError(error, "FENCED")) throw error;
        const kind = classifySourceError(error);
        if (kind === "history-lost") await this.leaveGap(writer, error, identity, signal);
        else if (kind === "fatal" || kind === "too-large") throw error;
        else {
          logger.warn({ ...describeError(error) }, "the source's stream broke; it is opened again");
          byTime = kind === "restart-at-time";
          await this.troubles.failed("source", error, signal, { atOnce: true });
        }
      } finally {
        await stream?.close().catch(() => {}); // whatever it was, the next open tells
        stream = null;
      }
    }
  }

  /** The source no longer has what follows our position. Stops here, or stores the hole and begins a new timeline after it. */
  private async leaveGap(writer: SegmentWriter, cause: unknown, identity: SourceIdentity, signal: AbortSignal): Promise<void> {
    const { source, clock, logger } = this.options;
    if (!this.gapAllowed)
      throw new OplogError("HISTORY_LOST", "The source's oplog no longer holds our position: what happened since then can't be captured", {
        cause,
        hint: "What is stored stays restorable. Go on with a gap (collect --accept-gap), or reset the log, and take a base snapshot; give the source a larger oplog.",
      });
    await writer.flush();
    // As early as the oplog still reaches; its first entry may be gone by the time we ask.
    const open = (kind: "oldest" | "now") => source.open({ kind }, signal);
    const stream = await open("oldest").catch(() => open("now"));
    try {
      await writer.appendMark({
        kind: "gap",
        from: { ...writer.position, clusterTime: writer.coveredTo },
        to: stream.position,
        coveredTo: stream.coveredTo,
        format: source.format,
        gap: { cause: describeError(cause).message, detectedAt: new Date(clock.now()) },
      });
      this.gapAllowed = false;
      logger.warn({ cause: describeError(cause).message }, "a gap was stored; a new timeline begins");
    } finally {
      await stream.close();
    }
  }

  private async storeSegment(segment: SealedSegment, signal: AbortSignal): Promise<void> {
    const { store, clock, logger } = this.options;
    let stopBy = Number.POSITIVE_INFINITY;
    for (;;) {
      try {
        await appendOnce(store, segment);
        this.troubles.over("store");
        return;
      } catch (error) {
        if (isFatalStoreError(error)) throw refusal("store", error);
        logger.warn({ ...describeError(error), segment: segment.number }, "the store did not take a segment; trying again");
        if (signal.aborted) stopBy = Math.min(stopBy, clock.now() + STOP_PATIENCE_MS);
        if (clock.now() >= stopBy)
          throw new OplogError("UNREACHABLE", "The store did not answer while stopping; the newest events are not stored yet", {
            cause: error,
            hint: "They are read again from the source at the next start, as long as its oplog holds them.",
          });
        // Once stopping, the pauses go on, though the signal would end them.
        await this.troubles.failed("store", error, signal.aborted ? NEVER : signal);
      }
    }
  }

  private async identify(): Promise<SourceIdentity> {
    const { source, storeLocation } = this.options;
    const identity = await source.identify();
    if (storeLocation?.deployment)
      checkNoSelfCapture({ processIds: await source.processIds(), database: identity.database }, storeLocation.deployment);
    return identity;
  }

  private async openFirst(start: StartPoint, signal: AbortSignal): Promise<EventStream> {
    const { source } = this.options;
    checkStart(start, await source.newest(), await source.oplogWindow());
    return source.open(start, signal);
  }

  /** Reads where the log ends and takes it over for this run. */
  private async claim(): Promise<Recovered | null> {
    const { store, machine, clock, takeOver } = this.options;
    const checkpoint = await store.readCheckpoint();
    if (!takeOver) checkNoOtherWriter(checkpoint, this.writerId, machine, clock.now());
    // Taken over before the newest segment is read: the writer before is fenced by then, and a majority write makes a majority read current.
    const claim = (mine: Omit<Checkpoint, "writer" | "at">) =>
      store.writeCheckpoint({ ...mine, writer: this.writerId, at: new Date(clock.now()) }, { takeOver: true });
    if (checkpoint) await claim(checkpoint);
    const recovered = await recover(store, checkpoint);
    if (!recovered) return null;
    const { head } = recovered;
    await claim({ position: head.position, coveredTo: head.coveredTo, afterSegment: head.number });
    return recovered;
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
    const ahead = secondsOf(recovered.head.position.clusterTime) - secondsOf(await source.newest());
    if (ahead > AHEAD_SECONDS)
      throw new OplogError(
        "SOURCE_MISMATCH",
        `This log is ${ahead} seconds ahead of the source: the source was put back to an older state, or is another one`,
        {
          hint: "Begin a new log for it under another name.",
        },
      );
  }

  /** Repeats until it works; undefined when stopped meanwhile. */
  private async trying<T>(
    side: Side,
    signal: AbortSignal,
    act: () => Promise<T>,
    isFinal: (error: unknown) => boolean,
  ): Promise<T | undefined> {
    while (!signal.aborted) {
      try {
        const result = await act();
        this.troubles.over(side);
        return result;
      } catch (error) {
        if (isFinal(error)) throw refusal(side, error);
        await this.troubles.failed(side, error, signal);
      }
    }
    return undefined;
  }

  private async keepCheckpoint(keeper: CheckpointKeeper, signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.options;
    while (!signal.aborted) {
      try {
        await keeper.write();
      } catch (error) {
        if (isFatalStoreError(error)) throw refusal("store", error);
        logger.warn({ ...describeError(error) }, "the checkpoint could not be written; trying again");
      }
      await clock.sleep(CHECKPOINT_INTERVAL_MS, signal);
    }
  }

  /** Keeps lag and headroom true, and has a stream opened again that no longer delivers. */
  private async observe(writer: SegmentWriter, reopen: () => void, signal: AbortSignal): Promise<void> {
    const { source, clock, logger } = this.options;
    let before: StallLook | null = null;
    while (!signal.aborted) {
      await clock.sleep(OBSERVE_INTERVAL_MS, signal);
      if (signal.aborted) return;
      try {
        this.board.update({ ...this.lag(writer), ...headroomMs(await source.oplogWindow(), writer.head.position.clusterTime) });
        const look = { newest: await source.newest(), position: writer.position.clusterTime };
        if (before && writer.idle && isStalled(before, look)) {
          logger.warn({ position: String(look.position) }, "the source moves on and the stream does not; it is opened again");
          reopen();
        }
        before = look;
      } catch (error) {
        this.board.update({ ...this.lag(writer), headroomMs: null, headroomUnknown: describeError(error).message });
      }
    }
  }

  private lag(writer: SegmentWriter): Partial<CollectorStatus> {
    if (!writer.idle) return this.board.current.lagMs === null ? {} : { lagMs: this.lagAt(this.storedTo) };
    this.storedTo = Math.max(this.storedTo, writer.currentTo);
    return { position: writer.position, coveredTo: writer.coveredTo, lagMs: this.lagAt(this.storedTo) };
  }

  /** The source's clock up to which everything is stored. */
  private storedTo = 0;

  private lagAt = (time: number): number | null => (time > 0 ? Math.max(0, this.options.clock.now() - time) : null);

  private showAppended({ head, events, bytes, storedBytes, currentTo }: Appended): void {
    const { status } = this;
    this.storedTo = Math.max(this.storedTo, currentTo);
    this.board.update({
      position: head.position,
      coveredTo: head.coveredTo,
      lastEventAt: events > 0 ? head.position.wallTime : status.lastEventAt,
      lagMs: this.lagAt(this.storedTo),
      events: status.events + events,
      bytes: status.bytes + bytes,
      storedBytes: status.storedBytes + storedBytes,
    });
  }

  private running(stream: EventStream): void {
    this.started = true;
    this.board.update({
      state: this.troubles.current ? "retrying_connection" : "running",
      notes: stream.notes,
      capture: this.options.source.format === "oplog-entry" ? "oplog" : "change-stream",
    });
  }

  private showTrouble(): void {
    const error = this.troubles.current;
    const state: CollectorState = error ? "retrying_connection" : this.started ? "running" : "starting";
    this.board.update({ state, error });
  }
}

const NEVER = new AbortController().signal;

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
