import { describeError } from "@oplog-collector/collector-core";
import type { Logger } from "pino";
import { type Leases, RENEW_INTERVAL_MS, RENEWAL_PATIENCE_MS } from "./lease.js";
import { Repeat } from "./repeat.js";

/** How often it is looked whether the leases are still fresh, whatever the database does meanwhile. */
const WATCH_INTERVAL_MS = 500;

/** The leases that this node holds: kept fresh, and given up in time when they can't be. */
export class LeaseKeeper {
  /** The fencing number of each, by the cluster's id. */
  readonly held = new Map<string, number>();
  private renewedAt = performance.now();
  private readonly renewing: Repeat;
  private watching: NodeJS.Timeout | null = null;

  constructor(
    private readonly leases: Leases,
    /** The lease is no longer ours: its collector must end at once. */
    private readonly onLost: (cluster: string, why: string) => void,
    private readonly logger: Logger,
  ) {
    this.renewing = new Repeat(
      () => this.renew(),
      RENEW_INTERVAL_MS,
      (error) => logger.warn({ ...describeError(error) }, "the leases could not be renewed; trying again"),
    );
  }

  async start(): Promise<void> {
    await this.renew(); // says that this node lives, before it asks for its share
    this.renewing.start();
    this.watching = setInterval(() => this.giveUpStale(), WATCH_INTERVAL_MS);
  }

  async acquire(cluster: string): Promise<boolean> {
    const askedAt = performance.now();
    const lease = await this.leases.acquire(cluster);
    // An answer that came late may be about a lease that has run out since.
    if (!lease || performance.now() - askedAt > RENEWAL_PATIENCE_MS) return false;
    this.held.set(cluster, lease.fence);
    return true;
  }

  async release(cluster: string): Promise<void> {
    this.held.delete(cluster);
    await this.leases.release(cluster);
  }

  /** The cluster is gone for good. */
  async forget(cluster: string): Promise<void> {
    this.held.delete(cluster);
    await this.leases.forget(cluster);
  }

  /** Gives all back. */
  async end(): Promise<void> {
    await this.renewing.stop();
    if (this.watching) clearInterval(this.watching);
    await Promise.allSettled([...this.held.keys()].map((cluster) => this.release(cluster)));
    await this.leases.leave().catch((error) => this.logger.warn({ ...describeError(error) }, "this node could not sign off"));
  }

  private async renew(): Promise<void> {
    const askedAt = performance.now();
    const asked = [...this.held];
    const kept = await this.leases.renew(asked.map(([cluster]) => cluster));
    this.renewedAt = askedAt;
    for (const [cluster, fence] of asked)
      if (!kept.has(cluster) && this.held.get(cluster) === fence) this.lose(cluster, "the lease went to another node");
  }

  /** Another node may begin once a lease expires; ours must have ended by then. */
  private giveUpStale(): void {
    if (performance.now() - this.renewedAt <= RENEWAL_PATIENCE_MS) return;
    for (const cluster of this.held.keys()) this.lose(cluster, "the lease could not be renewed");
  }

  private lose(cluster: string, why: string): void {
    this.held.delete(cluster);
    this.onLost(cluster, why);
  }
}
