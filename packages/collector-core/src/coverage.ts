import type { ClusterTime } from "./cluster-time.js";
import { OplogError } from "./errors.js";
import { type ChainLink, chainProblem } from "./log-chain.js";
import type { Position } from "./position.js";
import { decodeHeader, hashSegment, type SegmentHeader, type SourceIdentity } from "./segment.js";
import type { Checkpoint, Store } from "./store.js";

/** An unbroken run of segments: every event of `(from, to]` is there. */
export interface Timeline {
  /** Exclusive. */
  from: Position;
  /** Inclusive; its cluster time is the newest that is complete, so never inside a transaction. */
  to: Position;
  /** The numbers of its segments. */
  firstSegment: number;
  lastSegment: number;
  source: SourceIdentity | null;
}

/** What is known not to be there, and why. */
export interface Gap {
  from: Position;
  to: Position;
  cause: string;
  detectedAt: Date;
}

/** A segment that is in the store and is not what was stored. */
export interface DamagedSegment {
  segment: number;
  problem: string;
}

/** What a log can restore: computed here and nowhere else. */
export interface Coverage {
  timelines: Timeline[];
  gaps: Gap[];
  /** They cover nothing. Where one was the newest, what is covered ends before it. */
  damaged: DamagedSegment[];
  events: number;
  /** The events' BSON size. */
  bytes: number;
  /** What the store keeps for them. */
  storedBytes: number;
  segments: number;
}

/** One segment as coverage sees it. */
export type CoverageEntry = Pick<SegmentHeader, "number" | "kind" | "from" | "to" | "coveredTo" | "events" | "bytes" | "source" | "gap"> & {
  storedBytes: number;
};

const at = (position: Position, clusterTime: ClusterTime): Position => ({ ...position, clusterTime });

/**
 * Adds up segments, in the order of their numbers, into what can be restored. A number that is missing breaks the timeline: what is after it is
 * another timeline, and the hole is a gap.
 */
export class CoverageBuilder {
  private readonly coverage: Coverage = { timelines: [], gaps: [], damaged: [], events: 0, bytes: 0, storedBytes: 0, segments: 0 };
  private open: Timeline | null = null;
  private last: CoverageEntry | null = null;
  /** Told instead of `add` of a segment that is not what was stored: it is as if it were missing. */
  addDamaged(number: number, problem: string): void {
    this.coverage.damaged.push({ segment: number, problem });
  }

  add(entry: CoverageEntry): void {
    const { last, coverage } = this;
    coverage.segments++;
    coverage.events += entry.events;
    coverage.bytes += entry.bytes;
    coverage.storedBytes += entry.storedBytes;
    if (last && entry.number !== last.number + 1) {
      const cause = this.holeBetween(last.number, entry.number);
      coverage.gaps.push({ from: at(last.to, last.coveredTo), to: entry.from, cause, detectedAt: new Date() });
      this.open = null;
    }
    if (entry.kind === "gap") {
      const { cause, detectedAt } = entry.gap ?? { cause: "not recorded", detectedAt: new Date(0) };
      coverage.gaps.push({ from: entry.from, to: at(entry.to, entry.coveredTo), cause, detectedAt });
      this.endAt(entry.from);
      this.open = null;
    }
    if (entry.kind === "events" && this.open) {
      // A timeline that begins inside a transaction covers nothing until that is complete.
      if (entry.coveredTo > this.open.from.clusterTime) this.open.to = at(entry.to, entry.coveredTo);
      this.open.lastSegment = entry.number;
    } else {
      // After a prune the first segment left holds events: what came before it is exclusive.
      const from = entry.kind === "events" ? entry.from : at(entry.to, entry.coveredTo);
      const to = at(entry.to, entry.coveredTo);
      this.open = {
        from,
        to: to.clusterTime > from.clusterTime ? to : from,
        firstSegment: entry.number,
        lastSegment: entry.number,
        source: entry.source ?? null,
      };
      coverage.timelines.push(this.open);
    }
    this.last = entry;
  }

  /** `checkpoint` extends the newest timeline when it was written after the newest segment. */
  finish(checkpoint: Checkpoint | null): Coverage {
    if (
      checkpoint &&
      this.open &&
      this.last &&
      checkpoint.afterSegment === this.last.number &&
      checkpoint.coveredTo > this.open.to.clusterTime
    )
      this.open.to = at(checkpoint.position, checkpoint.coveredTo);
    return this.coverage;
  }

  private holeBetween(before: number, after: number): string {
    const damaged = this.coverage.damaged.find(({ segment }) => segment > before && segment < after);
    if (damaged) return `segment ${damaged.segment} ${damaged.problem}`;
    const missing = after - before === 2 ? `segment ${before + 1} is` : `segments ${before + 1} to ${after - 1} are`;
    return `${missing} missing from the store`;
  }

  /**
   * A gap begins where the log was complete: later than the newest segment's end when the source had then been idle, earlier when events were found
   * missing afterwards.
   */
  private endAt(from: Position): void {
    if (this.open) this.open.to = from.clusterTime > this.open.from.clusterTime ? from : this.open.from;
  }
}

/**
 * Reads the coverage of a log from its headers, and the segments at which its timelines begin and end: what a timeline claims is what these say,
 * so their hashes are checked. The others' headers must follow one another in the chain. What is damaged covers nothing, as if it were missing;
 * damage within a payload is found by `verifyLog`, and by whoever reads it.
 */
export async function readCoverage(store: Store): Promise<Coverage> {
  const damaged = new Map<number, string>();
  for (;;) {
    const coverage = await coverageWithout(store, damaged);
    const before = damaged.size;
    for (const number of new Set(coverage.timelines.flatMap(({ firstSegment, lastSegment }) => [firstSegment, lastSegment])))
      if (await isDamaged(store, number)) damaged.set(number, "does not have the hash it was stored with");
    if (damaged.size === before) return coverage;
  }
}

async function coverageWithout(store: Store, damaged: ReadonlyMap<number, string>): Promise<Coverage> {
  const builder = new CoverageBuilder();
  // Read first: a segment stored meanwhile then counts by itself, and an old checkpoint says nothing.
  const checkpoint = await store.readCheckpoint();
  let before: (ChainLink & { number: number }) | null = null;
  for await (const { number, header: bytes, hash, storedBytes } of store.headers()) {
    try {
      const header = decodeHeader(bytes);
      const problem: string | null = damaged.get(number) ?? chainProblem(header, number, before?.number === number - 1 ? before : null);
      if (problem) builder.addDamaged(number, problem);
      else {
        builder.add({ ...header, storedBytes });
        before = { number, header, hash };
      }
    } catch (error) {
      // What was stored so: written by a newer version.
      if (!(await isDamaged(store, number))) throw error;
      builder.addDamaged(number, "has a header that can't be read");
    }
  }
  return builder.finish(checkpoint);
}

/** Not when it is gone meanwhile: that is a prune, and what is left is read again by who needs it. */
async function isDamaged(store: Store, number: number): Promise<boolean> {
  const segment = await store.read(number);
  return segment !== null && !hashSegment(segment.header, segment.payload).equals(segment.hash);
}

/** The end of what is covered; throws `DAMAGED` when there is a newer segment, which can't be believed: that is not what someone means by "now". */
export function newestCovered(coverage: Coverage): ClusterTime {
  const last = coverage.timelines.at(-1);
  if (coverage.damaged.some(({ segment }) => segment > (last?.lastSegment ?? 0))) throw damagedLog(coverage);
  return last?.to.clusterTime ?? 0n;
}

function damagedLog({ damaged }: Coverage): OplogError {
  const { segment, problem } = damaged.at(-1)!;
  return new OplogError("DAMAGED", `Segment ${segment} ${problem}`, {
    hint: "Run verify. Restore the store from its own backup, or choose a time before this segment: range lists what is covered.",
  });
}

/** The timeline that reaches from `after` (exclusive) to `to`; throws `OUTSIDE_COVERAGE` naming the hole or the end. */
export function timelineFor(coverage: Coverage, after: ClusterTime, to: ClusterTime, print: (time: ClusterTime) => string): Timeline {
  const found = coverage.timelines.find(
    (timeline) => timeline.from.clusterTime <= after && after <= timeline.to.clusterTime && to <= timeline.to.clusterTime,
  );
  if (found) return found;
  const outside = (what: string, hint: string) => new OplogError("OUTSIDE_COVERAGE", what, { hint });
  if (coverage.damaged.length > 0) throw damagedLog(coverage);
  if (coverage.timelines.length === 0) throw outside("The log is empty", "Check the store and the name.");
  const gap = coverage.gaps.find((hole) => hole.to.clusterTime > after && hole.from.clusterTime < to);
  if (gap)
    throw outside(
      `From ${print(gap.from.clusterTime)} to ${print(gap.to.clusterTime)} the log has a gap: ${gap.cause}`,
      "Choose a range on one side of the gap; range lists what is covered.",
    );
  const first = coverage.timelines[0]!;
  const last = coverage.timelines.at(-1)!;
  if (after < first.from.clusterTime)
    throw outside(`The log begins at ${print(first.from.clusterTime)}, after ${print(after)}`, "Begin later, or from a base snapshot.");
  throw outside(
    `The log reaches to ${print(last.to.clusterTime)}, not to ${print(to)}`,
    "Choose an earlier time, or wait until the collector has covered it.",
  );
}
