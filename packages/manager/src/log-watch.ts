import { describeError } from "@oplog-collector/collector-core";
import type { Logger } from "pino";
import type { Cluster } from "./cluster.js";
import { LogReader } from "./log-reader.js";
import type { LogSummary } from "./log-summary.js";
import { Repeat } from "./repeat.js";
import type { StoreLocations } from "./store-locations.js";

/** A log of which its collector says nothing new: something else may have changed it, as a command on the store does. */
const QUIET_INTERVAL_MS = 60_000;

/** Often enough for sizes and first events; what changes by the second is in the collector's own report. */
const WATCH_INTERVAL_MS = 10_000;

export interface LogWatchOptions {
  locations: StoreLocations;
  /** Those that this node owns, with their secrets. */
  owned: () => readonly Cluster[];
  onSummary: (cluster: Cluster, summary: LogSummary) => Promise<void>;
  logger: Logger;
}

/** Keeps the summaries of the logs of this node's clusters. */
export class LogWatch {
  private readonly readers = new Map<string, { reader: LogReader; storeUri: string; said: string; readAt: number }>();
  private readonly watching: Repeat;

  constructor(private readonly options: LogWatchOptions) {
    this.watching = new Repeat(
      () => this.round(),
      WATCH_INTERVAL_MS,
      () => {},
    );
  }

  start(): void {
    this.watching.start();
  }

  async stop(): Promise<void> {
    await this.watching.stop();
  }

  /** Now, and from the beginning: something was removed from the log. */
  async refresh(cluster: Cluster): Promise<void> {
    this.readers.delete(cluster.id);
    await this.read(cluster);
  }

  private async round(): Promise<void> {
    const owned = this.options.owned();
    for (const id of this.readers.keys()) if (!owned.some((cluster) => cluster.id === id)) this.readers.delete(id);
    for (const cluster of owned.filter((one) => this.isDue(one)))
      await this.read(cluster).catch((error) =>
        this.options.logger.debug({ cluster: cluster.name, ...describeError(error) }, "the log could not be looked at; trying again"),
      );
  }

  private isDue(cluster: Cluster): boolean {
    const known = this.readers.get(cluster.id);
    return (
      !known ||
      known.storeUri !== cluster.storeUri ||
      known.said !== saidOf(cluster) ||
      performance.now() - known.readAt > QUIET_INTERVAL_MS
    );
  }

  private async read(cluster: Cluster): Promise<void> {
    const { id, name, storeUri } = cluster;
    const known = this.readers.get(id);
    const reader = known?.storeUri === storeUri ? known.reader : new LogReader();
    const state = { reader, storeUri, said: saidOf(cluster), readAt: performance.now() };
    this.readers.set(id, state);
    try {
      const summary = await this.options.locations.use(storeUri, (location) => reader.read(location, name));
      await this.options.onSummary(cluster, summary);
    } catch (error) {
      state.said = "";
      throw error;
    }
  }
}

/** What tells that a cluster's log is another one than before. */
const saidOf = ({ status: { fence, generation, report }, logChangedAt }: Cluster): string =>
  [fence, generation, report?.state, report?.storedBytes, report?.events, logChangedAt?.getTime()].join(" ");
