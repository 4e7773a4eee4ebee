import { clusterTime, compactLog, describeError, resolveUri } from "@oplog-collector/collector-core";
import { lookAtUsers, prune } from "@oplog-collector/restore";
import type { Logger } from "pino";
import type { Cluster } from "./cluster.js";
import { isHealthy } from "./health.js";
import type { Jobs } from "./jobs.js";
import { Repeat } from "./repeat.js";
import type { StoreLocations } from "./store-locations.js";

/** What is kept is measured in hours or in many segments: a minute more does not matter. */
const INTERVAL_MS = 60_000;

/** After a scheduled snapshot that failed: its cause has to be looked at. */
const SNAPSHOT_RETRY_MS = 10 * 60_000;

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

export interface HousekeepingOptions {
  locations: StoreLocations;
  jobs: Jobs;
  owned: () => readonly Cluster[];
  takeSnapshot: (cluster: Cluster) => Promise<unknown>;
  onPruned: (cluster: Cluster) => Promise<void>;
  logger: Logger;
}

/** Users and roles are looked at this often, where the log does not show their changes. */
const USERS_EVERY_MS = 10 * 60_000;

/** Retention, compaction, what the log does not show of users, and scheduled base snapshots of the clusters that this node owns. */
export class Housekeeping {
  private readonly triedAt = new Map<string, number>();
  private readonly usersAt = new Map<string, number>();
  /** By cluster, the day whose beginning its log was compacted up to. */
  private readonly compacted = new Map<string, number>();
  private readonly stopping = new AbortController();
  private readonly repeat: Repeat;

  constructor(private readonly options: HousekeepingOptions) {
    this.repeat = new Repeat(
      () => this.round(),
      INTERVAL_MS,
      () => {},
    );
  }

  start(): void {
    this.repeat.start();
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.repeat.stop();
  }

  /** Once over all clusters. */
  async round(): Promise<void> {
    for (const cluster of this.options.owned()) {
      try {
        // A job reads what retention would remove.
        if (await this.options.jobs.isBusy(cluster.id)) continue;
        await this.prune(cluster);
        await this.compact(cluster);
        await this.users(cluster);
        await this.snapshot(cluster);
      } catch (error) {
        this.options.logger.warn({ cluster: cluster.name, ...describeError(error) }, "housekeeping failed; it is tried again");
      }
    }
  }

  private async prune(cluster: Cluster): Promise<void> {
    const { retention, name, storeUri } = cluster;
    const { maxAgeHours, maxBytes } = retention;
    if (maxAgeHours === undefined && maxBytes === undefined) return;
    const before = maxAgeHours === undefined ? null : clusterTime(Math.max(0, Math.floor((Date.now() - maxAgeHours * HOUR_MS) / 1000)), 0);
    const plan = await this.options.locations.use(storeUri, (location) => prune(location, name, { before, maxBytes }));
    if (plan.held) return;
    if (plan.bytesTooMany > 0)
      this.options.logger.warn(
        { cluster: name, bytesTooMany: plan.bytesTooMany },
        "the log stays above its size: all of it hangs on its one base snapshot; take a newer one",
      );
    if (plan.removeUpTo === null && plan.removeSnapshots.length === 0) return;
    this.options.logger.info(
      { cluster: name, upToSegment: plan.removeUpTo, snapshots: plan.removeSnapshots },
      "removed what is no longer kept",
    );
    await this.options.onPruned(cluster);
  }

  /** Once a day, and when a node begins: what was sealed before today. So a quiet day becomes one object, or a few, however often servers start. */
  private async compact({ id, name, storeUri }: Cluster): Promise<void> {
    const today = Math.floor(Date.now() / DAY_MS) * DAY_MS;
    if (this.compacted.get(id) === today) return;
    // Also when it fails: what is wrong with a log, its collector and `verify` say; here tomorrow is soon enough.
    this.compacted.set(id, today);
    const { signal } = this.stopping;
    const done = await this.options.locations.useLog(storeUri, name, async (store) =>
      store.bundling ? compactLog(store, { before: new Date(today), signal }) : null,
    );
    if (done && done.bundles > 0)
      this.options.logger.info({ cluster: name, ...done }, "keeps small segments of the days before as few objects");
  }

  private async users(cluster: Cluster): Promise<void> {
    const { id, name, storeUri, connectionString, status } = cluster;
    const carried = status.report?.captureReport?.findings.find(({ kind }) => kind === "users-and-roles")?.carried;
    const now = Date.now();
    if (carried !== "in base snapshots only" || !isHealthy(status) || now - (this.usersAt.get(id) ?? 0) < USERS_EVERY_MS) return;
    this.usersAt.set(id, now);
    const source = resolveUri(connectionString);
    const looked = await this.options.locations.use(storeUri, (location) => lookAtUsers({ source, location, log: name }));
    if (looked.changed)
      this.options.logger.info({ cluster: name, users: looked.users, roles: looked.roles }, "recorded users and roles, which have changed");
  }

  private async snapshot(cluster: Cluster): Promise<void> {
    const { snapshotEveryHours, log, id } = cluster;
    // The snapshot needs a collector that records, and a summary that says when the last one was.
    if (snapshotEveryHours === null || !log || !isHealthy(cluster.status)) return;
    const now = Date.now();
    const last = log.newestSnapshotAt === null ? 0 : Date.parse(log.newestSnapshotAt);
    if (now - last < snapshotEveryHours * HOUR_MS || now - (this.triedAt.get(id) ?? 0) < SNAPSHOT_RETRY_MS) return;
    this.triedAt.set(id, now);
    await this.options.takeSnapshot(cluster);
  }
}
