import { type Batch, coveredAfter, positionAfter, startOf } from "./batch.js";
import type { Clock } from "./clock.js";
import type { ClusterTime } from "./cluster-time.js";
import { type Codec, compress } from "./codec.js";
import { OplogError } from "./errors.js";
import type { EventKind } from "./event.js";
import { comparePositions, type Position } from "./position.js";
import {
  type EventCount,
  type EventFormat,
  type GapCause,
  type SealedSegment,
  type SegmentKind,
  type SourceIdentity,
  sealSegment,
} from "./segment.js";

/** When a segment is sealed: whichever comes first. */
export interface SegmentLimits {
  events: number;
  /** Of BSON, before compression. One larger event is a segment of its own. */
  bytes: number;
  /** From its first event on: the recovery point objective. */
  ageMs: number;
}

export const DEFAULT_SEGMENT_LIMITS: SegmentLimits = {
  events: 5_000, // at 500 B an event a store's document stays near 250 kB, and a count is known soon
  bytes: 8 * 1024 * 1024,
  ageMs: 1_000,
};

/** Sealed segments that wait to be stored while the source is read on: three hide the store's latency, more only fill the memory. */
const IN_FLIGHT = 3;

/** The newest segment: what the next one is chained to. */
export interface LogHead {
  /** 0 when the log is empty. */
  number: number;
  hash: Buffer | null;
  /** Its `to`: the next segment's `from`. */
  position: Position;
  coveredTo: ClusterTime;
}

/** A piece of a batch: the events from `first` to before `end`. */
interface Slice {
  batch: Batch;
  first: number;
  end: number;
}

interface OpenSegment {
  slices: Slice[];
  events: number;
  bytes: number;
  counts: Map<EventKind, number>;
  format: EventFormat;
  to: Position;
  coveredTo: ClusterTime;
  currentTo: number;
  /** Aborts when it is sealed: ends the timer of its age. */
  sealed: AbortController;
}

/** A sealed segment's contents, compressed while those before it are stored. */
interface PendingSegment extends Omit<OpenSegment, "slices" | "sealed"> {
  payload: Promise<Buffer>;
}

/** What a stored segment changes: the new end of the log and what it added. */
export interface Appended {
  head: LogHead;
  events: number;
  bytes: number;
  storedBytes: number;
  counts: EventCount[];
  currentTo: number;
}

export interface SegmentWriterOptions {
  log: string;
  source: SourceIdentity;
  head: LogHead;
  /** Up to where nothing is left to add: the head's own, or a later one that a checkpoint knows of. */
  position: Position;
  coveredTo: ClusterTime;
  limits: SegmentLimits;
  codec: Codec;
  clock: Clock;
  /** Stores one segment, trying again as long as that can help; throws when it is not stored. */
  store: (segment: SealedSegment) => Promise<void>;
  onAppended: (appended: Appended) => void;
}

/**
 * Turns batches into segments and stores them one after another. While the store is slow, `add` does not return, so the source is not read:
 * memory is bounded and nothing is dropped.
 */
export class SegmentWriter {
  /** The end of what is stored. */
  head: LogHead;
  /** The end of what was added: stored, or in memory. */
  position: Position;
  coveredTo: ClusterTime;
  currentTo = 0;
  private open: OpenSegment | null = null;
  private readonly pending: PendingSegment[] = [];
  private storing: Promise<void> | null = null;
  private failure: { error: unknown } | null = null;
  private wake: (() => void)[] = [];
  private readonly failed: Promise<never>;
  private fail!: (error: unknown) => void;

  constructor(private readonly options: SegmentWriterOptions) {
    this.head = options.head;
    this.position = options.position;
    this.coveredTo = options.coveredTo;
    this.failed = new Promise((_, reject) => {
      this.fail = (error) => {
        this.failure ??= { error };
        reject(error);
        this.open?.sealed.abort();
        this.wakeAll();
      };
    });
    this.failed.catch(() => {}); // whoever waits sees it; nobody has to
  }

  /** Rejects when a segment could not be stored; never resolves. */
  whenFailed(): Promise<never> {
    return this.failed;
  }

  /** Ends it: what is not stored is forgotten, and whoever waits for it gets this error. */
  giveUp(error: unknown): void {
    this.fail(error);
  }

  /** True when all that was added is stored. */
  get idle(): boolean {
    return this.open === null && this.pending.length === 0;
  }

  /** Takes a batch; returns once there is room for more. */
  async add(batch: Batch): Promise<void> {
    if (comparePositions(batch.position, this.position) < 0) throw wentBack();
    for (let first = 0; first < batch.events; ) {
      await this.room();
      first = this.fill(batch, first);
    }
    this.position = batch.position;
    if (batch.coveredTo > this.coveredTo) this.coveredTo = batch.coveredTo;
    this.currentTo = Math.max(this.currentTo, batch.currentTo);
    if (this.open) Object.assign(this.open, { to: this.position, coveredTo: this.coveredTo, currentTo: this.currentTo });
    if (this.failure) throw this.failure.error;
  }

  /** Seals what is open and returns when all is stored. */
  async flush(): Promise<void> {
    this.seal();
    while (this.pending.length > 0) await this.nextChange();
    if (this.failure) throw this.failure.error;
  }

  /** Stores a segment without events: the beginning of a timeline, or a gap. Nothing may be open or pending. */
  async appendMark(mark: {
    kind: Exclude<SegmentKind, "events">;
    from: Position;
    to: Position;
    coveredTo: ClusterTime;
    format: EventFormat;
    gap?: GapCause;
  }): Promise<void> {
    await this.flush();
    await this.append({ ...mark, codec: "none", events: 0, bytes: 0, counts: [], payload: Buffer.alloc(0) });
    this.position = mark.to;
    this.coveredTo = mark.coveredTo;
    this.options.onAppended({ head: this.head, events: 0, bytes: 0, storedBytes: 0, counts: [], currentTo: this.currentTo });
  }

  /** Adds events from `first` on to the open segment until it is full; returns the first one that did not fit. */
  private fill(batch: Batch, first: number): number {
    const { limits } = this.options;
    const open = this.openSegment(batch.format);
    let end = first;
    while (end < batch.events && open.events < limits.events) {
      const size = batch.ends[end]! - startOf(batch, end);
      if (open.events > 0 && open.bytes + size > limits.bytes) break;
      const kind = batch.kinds[end]!;
      open.counts.set(kind, (open.counts.get(kind) ?? 0) + 1);
      open.events++;
      open.bytes += size;
      end++;
    }
    if (end > first) {
      open.slices.push({ batch, first, end });
      open.to = this.position = positionAfter(batch, end);
      open.coveredTo = this.coveredTo = coveredAfter(batch, end, this.coveredTo);
      open.currentTo = batch.currentTo;
    }
    if (end < batch.events || open.events >= limits.events || open.bytes >= limits.bytes) this.seal();
    return end;
  }

  private openSegment(format: EventFormat): OpenSegment {
    if (this.open && this.open.format !== format) this.seal();
    if (!this.open) {
      const sealed = new AbortController();
      const open: OpenSegment = {
        slices: [],
        events: 0,
        bytes: 0,
        counts: new Map(),
        format,
        to: this.position,
        coveredTo: this.coveredTo,
        currentTo: 0,
        sealed,
      };
      this.open = open;
      void this.options.clock.sleep(this.options.limits.ageMs, sealed.signal).then(() => {
        if (this.open === open) this.seal();
      });
    }
    return this.open;
  }

  private seal(): void {
    if (!this.open || this.failure) return;
    const { slices, sealed, ...rest } = this.open;
    this.open = null;
    sealed.abort();
    const pieces = slices.map(({ batch, first, end }) => batch.payload.subarray(startOf(batch, first), batch.ends[end - 1]));
    // In a drain the replies hold whole segments: nothing is copied.
    const payload = pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces, rest.bytes);
    const compressed = compress(this.options.codec)(payload);
    compressed.catch(() => {}); // awaited, in its turn, by the loop below
    this.pending.push({ ...rest, payload: compressed });
    this.storing ??= this.storeAll();
  }

  /** Stores what is pending, in order, one at a time: number n + 1 is never stored while n is not. */
  private async storeAll(): Promise<void> {
    try {
      while (this.pending.length > 0 && !this.failure) {
        const next = this.pending[0]!;
        const counts = [...next.counts].map(([kind, events]) => ({ ...kind, events }));
        const payload = await next.payload;
        const header = { kind: "events" as const, from: this.head.position, to: next.to, coveredTo: next.coveredTo, format: next.format };
        const storedBytes = await this.append({
          ...header,
          codec: this.options.codec,
          events: next.events,
          bytes: next.bytes,
          counts,
          payload,
        });
        this.pending.shift();
        this.options.onAppended({
          head: this.head,
          events: next.events,
          bytes: next.bytes,
          storedBytes,
          counts,
          currentTo: next.currentTo,
        });
        this.wakeAll();
      }
    } catch (error) {
      this.fail(error);
    } finally {
      this.storing = null;
    }
  }

  private async append({
    payload,
    ...fields
  }: {
    kind: SegmentKind;
    from: Position;
    to: Position;
    coveredTo: ClusterTime;
    format: EventFormat;
    events: number;
    bytes: number;
    counts: EventCount[];
    codec: Codec;
    payload: Buffer;
    gap?: GapCause;
  }): Promise<number> {
    if (comparePositions(fields.to, this.head.position) < 0) throw wentBack();
    const segment = sealSegment(
      {
        number: this.head.number + 1,
        log: this.options.log,
        source: this.options.source,
        previous: this.head.hash,
        sealedAt: new Date(this.options.clock.now()),
        ...fields,
      },
      payload,
    );
    await this.options.store(segment).catch((error: unknown) => this.fail(error));
    if (this.failure) throw this.failure.error; // perhaps only given up: what is stored all the same is found at the next start
    this.head = { number: segment.number, hash: segment.hash, position: fields.to, coveredTo: fields.coveredTo };
    return segment.header.length + segment.payload.length;
  }

  private async room(): Promise<void> {
    while (this.pending.length >= IN_FLIGHT && !this.failure) await this.nextChange();
    if (this.failure) throw this.failure.error;
  }

  private nextChange(): Promise<void> {
    if (this.failure) return Promise.reject(this.failure.error);
    return new Promise((resolve) => this.wake.push(resolve));
  }

  private wakeAll(): void {
    for (const wake of this.wake.splice(0)) wake();
  }
}

const wentBack = (): OplogError =>
  new OplogError("DAMAGED", "The source went back behind what is stored", {
    hint: "This is a defect; please report it with the log of the collector.",
  });
