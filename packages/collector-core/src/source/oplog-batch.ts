import type { Batch } from "../batch.js";
import { type ClusterTime, clusterTime } from "../cluster-time.js";
import type { EventKind } from "../event.js";
import { OplogEntryScan } from "../oplog-entry.js";
import type { Position } from "../position.js";
import { afterName, documentsInArray } from "../raw-bson.js";
import { OpenTransactions } from "./open-transactions.js";

/**
 * Makes batches of the oplog's replies: keeps the bytes of the entries that belong in the log, counts them, knows how far the log is complete.
 *
 * A majority read never shows an entry whose predecessors it does not show, so everything up to the last entry read is there. Yet the log is
 * called complete only up to where no transaction of several entries is open: whatever then begins at a complete point (a reader, what is left
 * after a prune) finds every entry that it needs behind that point, and none before it. (A restore to a time while one is open would be right as
 * well, as it sees no commit; on a replica set that is not a shard such a time is over with the next entry.)
 */
export class OplogBatchReader {
  private readonly scan = new OplogEntryScan();
  private readonly transactions = new OpenTransactions();
  private ends = new Uint32Array(FIRST_CAPACITY);
  private times = new Uint32Array(FIRST_CAPACITY * 2);
  /** Of the reply in hand. */
  private kinds: EventKind[] = [];
  private filled = 0;
  private inTransaction = false;

  constructor(
    private position: Position,
    private coveredTo: ClusterTime,
  ) {}

  /** `documents`: the array of a reply, which is taken over: its entries are moved together in place. `askedAt`: the clock when it was asked for. */
  read(documents: Buffer, askedAt: number): Batch {
    this.kinds = [];
    this.filled = 0;
    this.inTransaction = this.transactions.any;
    let entries = 0;
    for (let at = 4, end = documents.length - 1; at < end; entries++) at = this.take(documents, at);
    if (entries > 0) this.advance();
    const { scan, kinds, filled, inTransaction } = this;
    const events = kinds.length;
    const times = this.times.slice(0, events * 2);
    // A segment that ends inside this batch must not claim to be complete there. With one time for all, it claims what was complete before.
    if (inTransaction) for (let index = 0; index < times.length; index++) times[index] = index % 2 === 0 ? scan.seconds : scan.ordinal;
    return {
      format: "oplog-entry",
      events,
      payload: documents.subarray(0, filled),
      ends: this.ends.slice(0, events),
      times,
      kinds,
      position: this.position,
      coveredTo: this.coveredTo,
      currentTo: entries === 0 ? askedAt : Number.isNaN(scan.wallTime) ? 0 : scan.wallTime,
      caughtUp: entries === 0,
    };
  }

  /** Takes the entry of the array's element at `at`; returns where the next one is. As a function of its own it is compiled once. */
  private take(documents: Buffer, at: number): number {
    const { scan } = this;
    const entry = afterName(documents, at);
    const end = scan.read(documents, entry);
    if (scan.transaction) {
      if (!this.transactions.any) this.cover(scan.clusterTime - 1n);
      this.transactions.see(scan.transaction, scan.clusterTime);
      this.inTransaction = true;
    }
    if (scan.skipped !== null) return end;
    // Never forward: the array's own element names are left out.
    documents.copyWithin(this.filled, entry, end);
    this.filled += end - entry;
    const index = this.kinds.push(scan.kind) - 1;
    if (index === this.ends.length) this.grow();
    this.ends[index] = this.filled;
    this.times[index * 2] = scan.seconds;
    this.times[index * 2 + 1] = scan.ordinal;
    return end;
  }

  /** Takes entries that are stored already, those after `coveredTo`: which transactions are open after them. */
  lookBack(documents: Buffer, coveredTo: ClusterTime): void {
    for (const entry of documentsInArray(documents)) {
      this.scan.read(documents, entry);
      const { transaction, clusterTime } = this.scan;
      if (transaction && clusterTime > coveredTo) this.transactions.see(transaction, clusterTime);
    }
  }

  /** To the last entry of the reply, kept or not. */
  private advance(): void {
    const { seconds, ordinal, wallTime } = this.scan;
    const time = clusterTime(seconds, ordinal);
    this.position = { token: null, clusterTime: time, wallTime: Number.isNaN(wallTime) ? this.position.wallTime : new Date(wallTime) };
    if (!this.transactions.any) this.cover(time);
  }

  private cover(time: ClusterTime): void {
    if (time > this.coveredTo) this.coveredTo = time;
  }

  private grow(): void {
    const [ends, times] = [this.ends, this.times];
    this.ends = new Uint32Array(ends.length * 2);
    this.ends.set(ends);
    this.times = new Uint32Array(times.length * 2);
    this.times.set(times);
  }
}

/** For 16 MiB of entries of 500 B; smaller entries make it grow. */
const FIRST_CAPACITY = 32_768;
