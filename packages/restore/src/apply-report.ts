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
  notes: string[];
}

/** More of them say no more. */
const CUT_TRANSACTIONS_LISTED = 10;

/** Counts what happens to events. */
export class ApplyTally {
  events = 0;
  /** Events seen, applied or not. */
  seen = 0;
  private readonly skipped = new Map<string, number>();
  private readonly cut: CutTransaction[] = [];
  private cutCount = 0;
  private last: { bytes: Buffer; format: EventFormat } | null = null;
  private transaction: { time: ClusterTime; applied: number; leftOut: number } | null = null;

  /** One event: so many of its operations were taken, so many left out by a filter. */
  event(bytes: Buffer, format: EventFormat): void {
    this.seen++;
    this.last = { bytes, format };
  }

  skip(why: string): void {
    this.skipped.set(why, (this.skipped.get(why) ?? 0) + 1);
  }

  /** The events of a transaction share one cluster time. */
  operation(time: ClusterTime, taken: boolean): void {
    if (this.transaction?.time !== time) {
      this.endTransaction();
      this.transaction = { time, applied: 0, leftOut: 0 };
    }
    if (taken) this.transaction.applied++;
    else this.transaction.leftOut++;
  }

  report(firstNotApplied: PrintedPosition | null, durationMs: number, notes: string[]): ApplyReport {
    this.endTransaction();
    return {
      events: this.events,
      skipped: [...this.skipped].map(([why, events]) => ({ why, events })),
      cutTransactions: { count: this.cutCount, first: this.cut },
      lastApplied: this.last && printPosition(positionOfEvent(this.last.bytes, this.last.format)),
      firstNotApplied,
      durationMs,
      eventsPerSecond: durationMs > 0 ? Math.round((this.seen * 1000) / durationMs) : 0,
      notes,
    };
  }

  private endTransaction(): void {
    const { transaction } = this;
    if (!transaction || transaction.applied === 0 || transaction.leftOut === 0) return;
    this.cutCount++;
    if (this.cut.length < CUT_TRANSACTIONS_LISTED)
      this.cut.push({ clusterTime: formatClusterTime(transaction.time), applied: transaction.applied, leftOut: transaction.leftOut });
  }
}
