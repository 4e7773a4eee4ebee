import {
  type ClusterTime,
  type EventFormat,
  formatClusterTime,
  type PrintedPosition,
  positionOfEvent,
  printPosition,
} from "@oplog-collector/collector-core";

/** A transaction of which a filter let only a part through. */
export interface CutTransaction {
  clusterTime: string;
  applied: number;
  leftOut: number;
}

/** What an apply did. */
export interface ApplyReport {
  /** Events of which something was applied. */
  events: number;
  skipped: { why: string; events: number }[];
  /** Transactions cut by a filter: how many, and the first ones. */
  cutTransactions: { count: number; first: CutTransaction[] };
  /** The last event of the range, whether it was applied or skipped; null when there was none. */
  lastApplied: PrintedPosition | null;
  /** The event after it in the log; null when the log ends there. */
  firstNotApplied: PrintedPosition | null;
  durationMs: number;
  eventsPerSecond: number;
  /** What went otherwise than the reader may expect: interruptions of the target, paths that could not be told apart, what could not be put back. */
  notes: string[];
}

/** More of them say no more. */
const LISTED = 10;

/** What was counted up to a mark, kept with it: plain data. */
export interface TallyState {
  events: number;
  seen: number;
  skipped: [why: string, events: number][];
  cut: { count: number; first: CutTransaction[] };
  last: PrintedPosition | null;
  notes: string[];
}

/** Counts what happens to events. */
export class ApplyTally {
  /** Events of the range that were looked at. */
  seen: number;
  private events: number;
  private readonly skipped: Map<string, number>;
  private readonly cut: TallyState["cut"];
  private readonly notes: string[];
  private last: LastEvent;
  /** The one that is being applied: its events share one cluster time. */
  private transaction: { time: ClusterTime; applied: number; leftOut: number } | null = null;
  private why = "";
  /** The event before the one that is being applied, until that one is done. */
  private before: LastEvent | undefined;

  constructor(state?: TallyState) {
    this.seen = state?.seen ?? 0;
    this.events = state?.events ?? 0;
    this.skipped = new Map(state?.skipped);
    this.cut = { count: state?.cut.count ?? 0, first: [...(state?.cut.first ?? [])] };
    this.last = state?.last ?? null;
    this.notes = [...(state?.notes ?? [])];
  }

  /** An event of the range was taken up. */
  begin(bytes: Buffer, format: EventFormat): void {
    this.seen++;
    this.before = this.last;
    this.last = { bytes, format };
    this.why = "";
  }

  /** Why the event, or one operation of it, is not applied. */
  skip(why: string): void {
    this.why = why;
  }

  /** One operation of the event was applied, or left out. */
  operation(time: ClusterTime, applied: boolean): void {
    if (this.transaction?.time !== time) {
      this.endTransaction();
      this.transaction = { time, applied: 0, leftOut: 0 };
    }
    if (applied) this.transaction.applied++;
    else this.transaction.leftOut++;
  }

  /** The event is done. */
  end(applied: boolean): void {
    this.before = undefined;
    if (applied) this.events++;
    else this.skipped.set(this.why, (this.skipped.get(this.why) ?? 0) + 1);
  }

  note(text: string): void {
    if (this.notes.length < LISTED && !this.notes.includes(text)) this.notes.push(text);
  }

  /** As it was before the event that is being applied, which is taken up again from there. */
  state(): TallyState {
    const { events, skipped, cut, notes, before } = this;
    const [seen, last] = before === undefined ? [this.seen, this.last] : [this.seen - 1, before];
    return { seen, events, skipped: [...skipped], cut: { count: cut.count, first: [...cut.first] }, last: print(last), notes: [...notes] };
  }

  report(firstNotApplied: PrintedPosition | null, durationMs: number): ApplyReport {
    this.endTransaction();
    return {
      events: this.events,
      skipped: [...this.skipped].map(([why, events]) => ({ why, events })),
      cutTransactions: this.cut,
      lastApplied: print(this.last),
      firstNotApplied,
      durationMs,
      eventsPerSecond: durationMs > 0 ? Math.round((this.seen * 1000) / durationMs) : 0,
      notes: this.notes,
    };
  }

  private endTransaction(): void {
    const { transaction, cut } = this;
    this.transaction = null;
    if (!transaction || transaction.applied === 0 || transaction.leftOut === 0) return;
    cut.count++;
    if (cut.first.length < LISTED)
      cut.first.push({ clusterTime: formatClusterTime(transaction.time), applied: transaction.applied, leftOut: transaction.leftOut });
  }
}

/** As bytes until somebody asks. */
type LastEvent = { bytes: Buffer; format: EventFormat } | PrintedPosition | null;

const print = (last: LastEvent): PrintedPosition | null =>
  last && "bytes" in last ? printPosition(positionOfEvent(last.bytes, last.format)) : last;
