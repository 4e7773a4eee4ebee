import { type ClusterTime, formatClusterTime } from "../cluster-time.js";
import { OplogError } from "../errors.js";
import type { TransactionLink } from "../oplog-entry.js";

/**
 * The transactions of which entries were read and whose end was not. An unprepared one is written at its commit, in one go, so it is open only
 * while we are between its entries. A prepared one (on the shards of a sharded cluster) stays open until its coordinator has decided.
 */
export class OpenTransactions {
  /** From the cluster time of the newest entry of each to that of its first. */
  private readonly firstOf = new Map<ClusterTime, ClusterTime>();

  /** When the first entry of the oldest one was written; null when none is open: then nothing after this needs an entry from before it. */
  get since(): ClusterTime | null {
    let oldest: ClusterTime | null = null;
    for (const first of this.firstOf.values()) if (oldest === null || first < oldest) oldest = first;
    return oldest;
  }

  /** Takes an entry's link. Throws when the transaction began before what we read: the log would hold its end without its beginning. */
  see({ previous, open, command }: TransactionLink, time: ClusterTime): void {
    const first = previous === 0n ? time : this.firstOf.get(previous);
    // Nothing of an aborted one is ever applied.
    if (first === undefined && command !== "abortTransaction")
      throw new OplogError(
        "SOURCE_UNSUITABLE",
        `The transaction of the oplog entry ${formatClusterTime(time)} began before this log: the log could not restore it whole`,
        { hint: "Begin the log now (--from now) instead of at a time when a prepared transaction was open." },
      );
    this.firstOf.delete(previous);
    if (open) this.firstOf.set(time, first ?? time);
  }
}
