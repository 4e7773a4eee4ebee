import { type ClusterTime, formatClusterTime } from "../cluster-time.js";
import { OplogError } from "../errors.js";
import type { TransactionLink } from "../oplog-entry.js";

/**
 * The transactions of which entries were read and whose end was not. An unprepared one is written at its commit, in one go, so it is open only
 * while we are between its entries. A prepared one (on the shards of a sharded cluster) stays open until its coordinator has decided.
 */
export class OpenTransactions {
  /** The newest entry of each. */
  private readonly newest = new Set<ClusterTime>();

  /** While there is none, nothing that follows needs an entry from before. */
  get any(): boolean {
    return this.newest.size > 0;
  }

  /** Takes an entry's link. Throws when the transaction began before what we read: the log would hold its end without its beginning. */
  see({ previous, open, command }: TransactionLink, time: ClusterTime): void {
    const known = previous === 0n || this.newest.delete(previous);
    // Nothing of an aborted one is ever applied.
    if (!known && command !== "abortTransaction")
      throw new OplogError(
        "SOURCE_UNSUITABLE",
        `The transaction of the oplog entry ${formatClusterTime(time)} began before this log: the log could not restore it whole`,
        { hint: "Begin the log now (--from now) instead of at a time when a prepared transaction was open." },
      );
    if (open) this.newest.add(time);
  }
}
