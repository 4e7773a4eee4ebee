import { availableParallelism } from "node:os";
import type { Batch } from "./batch.js";
import type { Clock } from "./clock.js";
import type { ClusterTime } from "./cluster-time.js";
import { type Codec, compress, type Effort } from "./codec.js";
import { OplogError } from "./errors.js";
import type { Keyring } from "./keyring.js";
import { OpenSegment, type SegmentLimits } from "./open-segment.js";
import { comparePositions, type Position } from "./position.js";
import {
  type EventCount,
  type EventFormat,
  type GapCause,
  type SealedSegment,
  type SegmentHeader,
  type SegmentKind,
  type SourceIdentity,
  sealSegment,
} from "./segment.js";

/** Sealed segments that wait to be stored while the source is read on: three hide the store's latency, more only fill the memory. */
const IN_FLIGHT = 3;

/**
 * Segments compressed at once: so many that a core is left to the source's server where it runs on the same machine. It stands still while we take
 * its core, and one thread compresses faster than a change stream comes; three at once cost a tenth of the rate on two cores.
 */
const COMPRESSED_AT_ONCE = Math.max(1, Math.min(IN_FLIGHT, availableParallelism() - 1));

/** The newest segment: what the next one is chained to. */
export interface LogHead {
  /** 0 when the log is empty. */
  number: number;
  hash: Buffer | null;
  /** Its `to`: the next segment's `from`. */
  position: Position;
  coveredTo: ClusterTime;
}

/** A sealed segment's contents, compressed while those before it are stored. */
interface PendingSegment extends Pick<OpenSegment, "format" | "events" | "bytes" | "counts" | "to"> {
  payload: Promise<Buffer>;
  /** Before it was compressed; only where the store makes use of it. */
  content: Buffer | undefined;
}

/** What the writer knows by itself. */
type OwnFields = "number" | "log" | "source" | "previous" | "sealedAt" | "encryption";

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
  /** What segments are encrypted with; absent: they are not. */
  keys?: Keyring | undefined;
  /** Whether the store is given each segment's content beside the compressed payload. */
  keepContent?: boolean;
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
    if (this.open) this.open.to = this.readTo;
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
    const open = this.openSegment(batch.format);
    const end = open.add(batch, first);
    if (end > first) {
      this.position = open.to.position;
      this.coveredTo = open.to.coveredTo;
    }
    // Full before its time: we are behind, or much happens.
    if (end < batch.events || open.full) this.seal("fast");
    return end;
  }

  private get readTo(): OpenSegment["to"] {
    return { position: this.position, coveredTo: this.coveredTo, currentTo: this.currentTo };
  }

  private openSegment(format: EventFormat): OpenSegment {
    if (this.open && this.open.format !== format) this.seal();
    if (!this.open) {
      const { limits, clock } = this.options;
      const open = new OpenSegment(format, limits, this.readTo);
      this.open = open;
      void clock.sleep(limits.ageMs, open.sealed.signal).then(() => {
        if (this.open === open) this.seal();
      });
    }
    return this.open;
  }

  private seal(effort: Effort = "small"): void {
    if (!this.open || this.failure) return;
    const { format, events, bytes, counts, to, payload, sealed } = this.open;
    this.open = null;
    sealed.abort();
    const turn = this.pending.at(-COMPRESSED_AT_ONCE)?.payload.catch(() => {});
    const compressing = compress(this.options.codec, effort);
    const compressed = turn ? turn.then(() => compressing(payload)) : compressing(payload);
    compressed.catch(() => {}); // awaited, in its turn, by the loop below
    this.pending.push({ format, events, bytes, counts, to, payload: compressed, content: this.options.keepContent ? payload : undefined });
    this.storing ??= this.storeAll();
  }

  /** Stores what is pending, in order, one at a time: number n + 1 is never stored while n is not. */
  private async storeAll(): Promise<void> {
    try {
      while (this.pending.length > 0 && !this.failure) {
        const { events, bytes, counts, format, to, payload, content } = this.pending[0]!;
        const { codec } = this.options;
        const ends = { from: this.head.position, to: to.position, coveredTo: to.coveredTo };
        const header = { kind: "events" as const, ...ends, format, codec, events, bytes, counts };
        const storedBytes = await this.append({ ...header, payload: await payload }, content);
        this.pending.shift();
        this.options.onAppended({ head: this.head, events, bytes, storedBytes, counts, currentTo: to.currentTo });
        this.wakeAll();
      }
    } catch (error) {
      this.fail(error);
    } finally {
      this.storing = null;
    }
  }

  private async append({ payload, ...fields }: Omit<SegmentHeader, OwnFields> & { payload: Buffer }, content?: Buffer): Promise<number> {
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
      this.options.keys,
    );
    await this.options.store({ ...segment, content }).catch((error: unknown) => this.fail(error));
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
