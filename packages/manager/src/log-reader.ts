import {
  type Coverage,
  CoverageBuilder,
  dateOf,
  decodeHeader,
  type Position,
  positionOfEvent,
  printPosition,
  readEvents,
  type Store,
  type StoreLocation,
} from "@oplog-collector/collector-core";
import { listSnapshots, type Snapshot } from "@oplog-collector/restore";
import type { LogSummary } from "./log-summary.js";

/** Reads one log's coverage again and again, each time only what is new. */
export class LogReader {
  private builder = new CoverageBuilder();
  private last = 0;
  private first: { segment: number; at: Date | null } | null = null;
  private lastEventAt: Date | null = null;

  async read(location: StoreLocation, name: string): Promise<LogSummary> {
    const store = await location.log(name);
    try {
      const coverage = await this.readNew(store);
      return summaryOf(coverage, await listSnapshots(location, name), await this.firstEventAt(store, coverage), this.lastEventAt);
    } finally {
      await store.close();
    }
  }

  private async readNew(store: Store): Promise<Coverage> {
    for await (const newest of store.headers({ reverse: true })) {
      if (newest.number < this.last) this.startOver(); // it was emptied, and begun again
      break;
    }
    // Read first: a segment stored meanwhile then counts by itself, and an old checkpoint says nothing.
    const checkpoint = await store.readCheckpoint();
    for await (const { number, header: bytes, storedBytes } of store.headers({ after: this.last })) {
      const header = decodeHeader(bytes);
      this.builder.add({ ...header, storedBytes });
      if (header.events > 0) this.lastEventAt = header.to.wallTime;
      this.last = number;
    }
    return this.builder.finish(checkpoint);
  }

  /** The oldest event says when it was; it stays the same until the log is pruned. */
  private async firstEventAt(store: Store, { timelines }: Coverage): Promise<Date | null> {
    const segment = timelines[0]?.firstSegment;
    if (segment === undefined) return null;
    if (this.first?.segment === segment && this.first.at) return this.first.at;
    this.first = { segment, at: null };
    for await (const { bytes, format } of readEvents(store)) {
      this.first.at = positionOfEvent(bytes, format).wallTime;
      break;
    }
    return this.first.at;
  }

  private startOver(): void {
    this.builder = new CoverageBuilder();
    this.last = 0;
    this.first = null;
    this.lastEventAt = null;
  }
}

/** A line of a hundred pixels shows no more; what all have in common travels with each change of a cluster. */
const SHOWN = 30;

const wallTimes = ({ from, to }: { from: Position; to: Position }) => ({
  from: printPosition(from).wallTime,
  to: printPosition(to).wallTime,
});

function summaryOf(coverage: Coverage, snapshots: readonly Snapshot[], firstEventAt: Date | null, lastEventAt: Date | null): LogSummary {
  const { timelines, gaps, segments, events, bytes, storedBytes } = coverage;
  const [first, last] = [timelines[0], timelines.at(-1)];
  const completed = snapshots.map(({ completedAt }) => completedAt.getTime());
  return {
    firstEventAt: firstEventAt?.toISOString() ?? null,
    lastEventAt: lastEventAt?.toISOString() ?? null,
    coveredFrom: first ? printPosition(first.from) : null,
    coveredTo: last ? printPosition(last.to) : null,
    timelines: timelines.slice(-SHOWN).map(wallTimes),
    holes: gaps.slice(-SHOWN).map((gap) => ({ ...wallTimes(gap), cause: gap.cause })),
    restorableFrom: snapshots.slice(-SHOWN).map((snapshot) => dateOf(snapshot.restorableFrom).toISOString()),
    gaps: gaps.length,
    snapshots: snapshots.length,
    newestSnapshotAt: completed.length > 0 ? new Date(Math.max(...completed)).toISOString() : null,
    ...{ segments, events, bytes },
    storedBytes: snapshots.reduce((sum, snapshot) => sum + snapshot.storedBytes, storedBytes),
    at: new Date().toISOString(),
  };
}
