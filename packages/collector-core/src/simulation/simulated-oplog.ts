import type { ClusterTime } from "../cluster-time.js";
import { countWhile, type History } from "./history.js";
import type { VirtualTime } from "./virtual-time.js";

/** What of the history the source has at the moment: it comes with time, and goes with it when the oplog is small. */
export class SimulatedOplog {
  constructor(
    readonly history: History,
    private readonly time: VirtualTime,
    /** How much it holds; null: all. */
    private readonly retentionMs: number | null,
  ) {}

  /** The cluster time of the newest entry that a majority has. */
  newest(): ClusterTime {
    return this.history.entries[this.count() - 1]!.time;
  }

  /** The cluster time of the first entry that is not cut off yet. The newest one never is. */
  oldest(): ClusterTime {
    const { entries } = this.history;
    if (this.retentionMs === null) return entries[0]!.time;
    const from = this.time.now - this.retentionMs;
    return entries[
      Math.min(
        this.count() - 1,
        countWhile(entries, ({ at }) => at < from),
      )
    ]!.time;
  }

  private count(): number {
    return countWhile(this.history.entries, ({ at }) => at <= this.time.now);
  }
}
