import { type ClusterTime, formatClusterTime } from "../cluster-time.js";
import type { Gap } from "../coverage.js";
import { OplogError } from "../errors.js";
import { ChangeEventScan } from "../event.js";
import { OplogEntryScan } from "../oplog-entry.js";
import type { StoredEvent } from "../read-events.js";
import { decodeHeader, readPayload, type SealedSegment, type SegmentHeader } from "../segment.js";
import type { Store } from "../store.js";
import type { ForwardPosition } from "./forward-position.js";

/** An event with its place in the log: `segment` and `index` are unique in a log and ascend. */
export interface ForwardedEvent extends StoredEvent {
  /** From 0. */
  index: number;
}

/** What comes next in a log. */
export type Stretch =
  /** In their order, whole transactions, up to `position`. */
  | { kind: "events"; events: ForwardedEvent[]; position: ForwardPosition }
  /** The log says that these were not captured. */
  | { kind: "gap"; gap: Gap; position: ForwardPosition }
  /** What should come next is no longer in the store. Whoever goes over that owns up to the gap, and follows from the position. */
  | { kind: "missing"; error: OplogError; gap: Gap; position: ForwardPosition }
  /** All that is covered was given; up to `coveredTo` nothing is outstanding. */
  | { kind: "end"; coveredTo: ClusterTime };

/**
 * Events that may wait for the rest of their transaction. Beyond that it is given in parts: a larger one must not fill the memory, nor what it is
 * published to be kept waiting by one step for longer than that allows.
 */
const MAX_WAITING_BYTES = 64 * 1024 * 1024;

type Missing = Extract<Stretch, { kind: "missing" }>;

/** In place of the hash of a segment before the first. */
const NOTHING_BEFORE = Buffer.alloc(32);

/** Where a segment and the chain stand when it was read. */
interface Link {
  segment: number;
  hash: Buffer;
  events: number;
}

/**
 * Reads a log on from a position, each event once, never past what is covered, never over a hole without a word. A segment is given up to its own
 * `coveredTo`, what is behind it (the beginning of a transaction, mostly) together with the next one.
 */
export class LogFollower {
  private last: Link | null;
  /** In a segment that was given in part, the events to leave out. */
  private skip: number;
  private coveredTo: ClusterTime;
  private waiting: { events: ForwardedEvent[]; bytes: number } = { events: [], bytes: 0 };
  /** Of the segments in which events wait. */
  private readonly links = new Map<number, Link>();
  private readonly eventScan = new ChangeEventScan();
  private readonly entryScan = new OplogEntryScan();

  /** Null: from the first segment that is stored. */
  constructor(
    private readonly store: Store,
    private readonly position: ForwardPosition | null,
  ) {
    this.last = position?.complete ? { segment: position.segment, hash: position.hash, events: position.events } : null;
    this.skip = position && !position.complete ? position.events : 0;
    this.coveredTo = position?.clusterTime ?? 0n;
  }

  async next(): Promise<Stretch> {
    for (;;) {
      const segment = await this.read();
      if (!segment) return this.end();
      if ("kind" in segment) return segment;
      const header = decodeHeader(segment.header);
      if (!this.follows(segment, header)) return this.begunAnew();
      const stretch = await this.take(segment, header);
      if (stretch) return stretch;
    }
  }

  /** The newest segment's end: for who wants nothing of what is stored already. Null in an empty log. */
  static async newest(store: Store): Promise<ForwardPosition | null> {
    for await (const { number, hash, header } of store.headers({ reverse: true })) {
      const { events, to } = decodeHeader(header);
      return { segment: number, hash, events, complete: true, clusterTime: to.clusterTime };
    }
    return null;
  }

  /** The segment that comes next; null when it is not written yet. */
  private async read(): Promise<SealedSegment | Missing | null> {
    const { store, position } = this;
    if (!this.last && !position) {
      for await (const { number } of store.headers()) return store.read(number);
      return null;
    }
    const wanted = this.last ? this.last.segment + 1 : position!.segment;
    return (await store.read(wanted)) ?? this.absence(wanted);
  }

  /** Whether the segment was removed, or is still to come: then the newest is the one before it. */
  private async absence(wanted: number): Promise<SealedSegment | Missing | null> {
    const { store, last } = this;
    for await (const { number, hash } of store.headers({ reverse: true })) {
      if (last && number === last.segment && hash.equals(last.hash)) return null;
      if (number < wanted) return this.begunAnew();
      // It may have been stored since it was asked for.
      const segment = await store.read(wanted);
      if (segment) return segment;
      for await (const { header } of store.headers({ after: wanted })) {
        const first = decodeHeader(header);
        const what = first.number - wanted === 1 ? `Segment ${wanted} was` : `Segments ${wanted} to ${first.number - 1} were`;
        return this.missing(`${what} removed from the store before being published`, first, PRUNED_HINT);
      }
      return null;
    }
    return last?.segment === 0 ? null : this.begunAnew();
  }

  private async begunAnew(): Promise<Missing> {
    const what = `The log was begun anew, or is another one of the same name: it does not hold what was published up to segment ${this.reached}`;
    for await (const { header } of this.store.headers()) return this.missing(what, decodeHeader(header), ANEW_HINT);
    return this.missing(what, null, ANEW_HINT);
  }

  private get reached(): number {
    return this.last?.segment ?? this.position?.segment ?? 0;
  }

  /** Whether this segment is the one that follows what was published. */
  private follows({ hash, number }: SealedSegment, { previous, number: says }: SegmentHeader): boolean {
    const { last, position } = this;
    if (number !== says) return false;
    if (last) return previous ? previous.equals(last.hash) : last.segment === 0;
    return !position || hash.equals(position.hash);
  }

  /** `next`: the first segment that is there instead; null where there is none. */
  private missing(what: string, next: SegmentHeader | null, hint: string): Missing {
    const from = this.coveredTo;
    const to = !next ? from : next.kind === "events" ? next.from.clusterTime : next.coveredTo;
    const at = (clusterTime: ClusterTime) => ({ token: null, clusterTime, wallTime: null });
    return {
      kind: "missing",
      error: new OplogError("OUTSIDE_COVERAGE", `${what} (from ${formatClusterTime(from)} to ${formatClusterTime(to)})`, { hint }),
      gap: { from: at(from), to: at(to), cause: what, detectedAt: new Date() },
      position: {
        segment: (next?.number ?? 1) - 1,
        hash: next?.previous ?? NOTHING_BEFORE,
        events: 0,
        complete: true,
        clusterTime: to,
      },
    };
  }

  /** What of this segment, and of those before it, is complete now. */
  private async take(segment: SealedSegment, header: SegmentHeader): Promise<Stretch | null> {
    const link = { segment: segment.number, hash: segment.hash, events: header.events };
    if (header.kind === "gap") {
      // What waited for the rest of its transaction lies in the gap.
      this.forget();
      this.last = link;
      this.coveredTo = header.coveredTo;
      const { cause, detectedAt } = header.gap ?? { cause: "not recorded", detectedAt: header.sealedAt };
      return { kind: "gap", gap: { from: header.from, to: header.to, cause, detectedAt }, position: this.after(link, header.coveredTo) };
    }
    for (const event of await this.eventsOf(segment, header)) {
      if (event.index < this.skip) continue;
      this.waiting.events.push(event);
      this.waiting.bytes += event.bytes.length;
    }
    this.skip = 0;
    this.last = link;
    if (header.events > 0) this.links.set(segment.number, link);
    return this.upTo(header.coveredTo);
  }

  private async end(): Promise<Stretch> {
    const checkpoint = await this.store.readCheckpoint();
    if (checkpoint && checkpoint.afterSegment === this.last?.segment) {
      const stretch = this.upTo(checkpoint.coveredTo);
      if (stretch) return stretch;
    }
    return { kind: "end", coveredTo: this.coveredTo };
  }

  /** The events that wait, up to that time. */
  private upTo(coveredTo: ClusterTime): Stretch | null {
    if (coveredTo > this.coveredTo) this.coveredTo = coveredTo;
    const { events, bytes } = this.waiting;
    const behind = bytes > MAX_WAITING_BYTES ? -1 : events.findIndex(({ clusterTime }) => clusterTime > this.coveredTo);
    const given = behind < 0 ? events : events.slice(0, behind);
    const last = given.at(-1);
    if (!last) return null;
    const rest = behind < 0 ? [] : events.slice(behind);
    this.waiting = { events: rest, bytes: rest.reduce((sum, event) => sum + event.bytes.length, 0) };
    const link = this.links.get(last.segment)!;
    for (const number of this.links.keys()) if (number < last.segment || rest.length === 0) this.links.delete(number);
    const position = { ...this.after(link, last.clusterTime), events: last.index + 1, complete: last.index + 1 === link.events };
    return { kind: "events", events: given, position };
  }

  private after({ segment, hash, events }: Link, clusterTime: ClusterTime): ForwardPosition {
    return { segment, hash, events, complete: true, clusterTime };
  }

  private async eventsOf(segment: SealedSegment, header: SegmentHeader): Promise<ForwardedEvent[]> {
    if (header.events === 0) return [];
    const payload = await readPayload(segment, header);
    const { format } = header;
    const scan = format === "oplog-entry" ? this.entryScan : this.eventScan;
    const events: ForwardedEvent[] = [];
    for (let at = 0; at < payload.length; ) {
      const end = scan.read(payload, at);
      const { clusterTime, kind } = scan;
      events.push({ format, bytes: payload.subarray(at, end), clusterTime, kind, segment: segment.number, index: events.length });
      at = end;
    }
    return events;
  }

  private forget(): void {
    this.waiting = { events: [], bytes: 0 };
    this.links.clear();
    this.skip = 0;
  }
}

const PRUNED_HINT =
  "They can't be published any more. To go on after them, with a gap message that says so, accept the gap (--accept-gap). Keep more of the log than a forwarder may be behind.";

const ANEW_HINT =
  "To publish this log from its beginning, after a gap message that says so, accept the gap (--accept-gap); or check store and name.";
