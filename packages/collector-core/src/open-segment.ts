import { type Batch, coveredAfter, positionAfter, startOf } from "./batch.js";
import type { ClusterTime } from "./cluster-time.js";
import type { EventKind } from "./event.js";
import type { Position } from "./position.js";
import type { EventCount, EventFormat } from "./segment.js";

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

/** A piece of a batch: the events from `first` to before `end`. */
interface Slice {
  batch: Batch;
  first: number;
  end: number;
}

/** Up to where the source was read. */
export interface ReadTo {
  position: Position;
  coveredTo: ClusterTime;
  currentTo: number;
}

/** A segment that is being filled. */
export class OpenSegment {
  private readonly slices: Slice[] = [];
  private readonly kinds = new Map<EventKind, number>();
  events = 0;
  bytes = 0;
  /** Aborts when it is sealed: ends the timer of its age. */
  readonly sealed = new AbortController();

  constructor(
    readonly format: EventFormat,
    private readonly limits: SegmentLimits,
    public to: ReadTo,
  ) {}

  get full(): boolean {
    return this.events >= this.limits.events || this.bytes >= this.limits.bytes;
  }

  /** Adds events from `first` on until it is full; returns the first one that did not fit. */
  add(batch: Batch, first: number): number {
    let end = first;
    while (end < batch.events && this.take(batch, end)) end++;
    if (end > first) {
      this.slices.push({ batch, first, end });
      this.to = { position: positionAfter(batch, end), coveredTo: coveredAfter(batch, end, this.to.coveredTo), currentTo: batch.currentTo };
    }
    return end;
  }

  /** Called for each event, a function of its own is compiled once; a long loop in a longer one is compiled and given up again and again. */
  private take(batch: Batch, index: number): boolean {
    const size = batch.ends[index]! - startOf(batch, index);
    if (this.events >= this.limits.events || (this.events > 0 && this.bytes + size > this.limits.bytes)) return false;
    const kind = batch.kinds[index]!;
    this.kinds.set(kind, (this.kinds.get(kind) ?? 0) + 1);
    this.events++;
    this.bytes += size;
    return true;
  }

  get counts(): EventCount[] {
    return [...this.kinds].map(([kind, events]) => ({ ...kind, events }));
  }

  /** The events' bytes. In a drain the replies hold whole segments: then nothing is copied. */
  get payload(): Buffer {
    const pieces = this.slices.map(({ batch, first, end }) => batch.payload.subarray(startOf(batch, first), batch.ends[end - 1]));
    return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces, this.bytes);
  }
}
