import { join } from "node:path";
import { OplogError, readCoverage } from "@oplog-collector/collector-core";
import { listSnapshots } from "@oplog-collector/restore";
import type { Cluster } from "./cluster.js";
import { readEventPage } from "./event-page.js";
import { readEventStats } from "./event-stats.js";
import { collectorLogName } from "./log-file.js";
import { readLogTail } from "./log-tail.js";
import type { EventFilter, EventRow, LogCoverage, StatsRow } from "./manager-api.js";
import { readUnusualMoments } from "./read-unusual-moments.js";
import type { StoreLocations } from "./store-locations.js";
import type { UnusualMoment } from "./unusual-moments.js";

/** Reads what is stored of a cluster: its log, and its collector's log file. */
export class ClusterLogs {
  constructor(
    private readonly locations: StoreLocations,
    private readonly logDir: string | null,
  ) {}

  coverage({ storeUri, name }: Cluster): Promise<LogCoverage> {
    return this.locations.useLog(storeUri, name, async (store, location) => {
      const [coverage, snapshots] = await Promise.all([readCoverage(store), listSnapshots(location, name)]);
      return { ...coverage, snapshots };
    });
  }

  events({ storeUri, name }: Cluster, filter: EventFilter): Promise<{ rows: EventRow[]; cursor: string | null }> {
    return this.locations.useLog(storeUri, name, (store) => readEventPage(store, filter));
  }

  stats({ storeUri, name }: Cluster, options: { from?: string; to?: string; buckets?: number }): Promise<StatsRow[]> {
    return this.locations.useLog(storeUri, name, (store) => readEventStats(store, options));
  }

  /** Drops, mass deletes and spikes of the log's newest part, the newest last. */
  moments({ storeUri, name }: Cluster): Promise<UnusualMoment[]> {
    return this.locations.useLog(storeUri, name, readUnusualMoments);
  }

  async lines({ name }: Cluster, lines: number): Promise<string[]> {
    const path = this.pathOf(name);
    if (path === null)
      throw new OplogError("NOT_FOUND", "This server writes no log files", { hint: "Give it a directory for them (LOG_DIR)." });
    return readLogTail(path, lines);
  }

  /** Where the collector of that name writes; null when no log files are written. */
  pathOf(name: string): string | null {
    return this.logDir === null ? null : join(this.logDir, collectorLogName(name));
  }
}
