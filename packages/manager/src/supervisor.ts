import { describeError } from "@oplog-collector/collector-core";
import type { Logger } from "pino";
import type { Cluster, Task } from "./cluster.js";
import { type ClusterAction, planCluster, shouldRun } from "./cluster-plan.js";
import { CollectorRuns, type CollectorRunsOptions } from "./collector-runs.js";
import type { Leases } from "./lease.js";
import { LeaseKeeper } from "./lease-keeper.js";
import { settled } from "./patience.js";
import type { Registry } from "./registry.js";
import { Repeat } from "./repeat.js";

/** How often wishes and leases are looked at. */
const LOOK_INTERVAL_MS = 1_000;

/** A look that comes this late: our own process slept, and heard nobody meanwhile. */
const SLEPT_MS = 5_000;

/** Between two clusters that are handed to a node with room: each one's collector is away for a second or two. */
const HANDOVER_INTERVAL_MS = 5_000;

/** A process that is ended by force is gone within this. */
const KILL_MS = 500;

/** What one look saw: all clusters, who has which, who lives. */
export interface Look {
  clusters: readonly Cluster[];
  owners: ReadonlyMap<string, string>;
  nodes: ReadonlySet<string>;
}

export interface SupervisorOptions extends Omit<CollectorRunsOptions, "onEnded"> {
  registry: Registry;
  leases: Leases;
  /** Wipes the log; for a removal also the registration. */
  doTask: (cluster: Cluster, task: Task) => Promise<void>;
  /** Told of each look; returns the clusters with what this node itself has said since, which may not be in the database yet. */
  onLook: (look: Look) => readonly Cluster[];
  logger: Logger;
}

/** Brings what runs in line with what is wished, one collector a cluster, for the clusters whose lease this node has. */
export class Supervisor {
  readonly keeper: LeaseKeeper;
  readonly runs: CollectorRuns;
  private readonly freeSince = new Map<string, number>();
  /** By cluster: the action in progress. */
  private readonly busy = new Map<string, Promise<void>>();
  /** By cluster: when the last action ended. What was read before that is out of date. */
  private readonly actedAt = new Map<string, number>();
  private readonly looking: Repeat;
  private lookedAt = performance.now();
  private handedOverAt = performance.now();
  private ending = false;

  constructor(private readonly options: SupervisorOptions) {
    const { leases, logger } = options;
    this.keeper = new LeaseKeeper(leases, (cluster, why) => this.runs.end(cluster, why), logger);
    this.runs = new CollectorRuns({ ...options, onEnded: () => this.look() });
    this.looking = new Repeat(
      () => this.lookNow(),
      LOOK_INTERVAL_MS,
      (error) => logger.warn({ ...describeError(error) }, "the metadata database did not answer; trying again"),
    );
  }

  async start(): Promise<void> {
    await this.keeper.start();
    this.looking.start();
  }

  /** Looks now: after a wish, so that it does not wait for the next look. */
  look(): void {
    this.looking.wake();
  }

  /** The clusters that this node is to look after beyond running their collectors. */
  get owned(): readonly string[] {
    return [...this.keeper.held.keys()];
  }

  /** Why what this node says of the clusters is out of date; null when it is not. */
  staleBecause(): string | null {
    const ms = performance.now() - this.lookedAt;
    return ms > SLEPT_MS ? `the metadata database has not answered for ${Math.round(ms / 1000)} s` : null;
  }

  /** Stops all collectors in order, and by force those that do not end in time. */
  async stopAll(patienceMs: number): Promise<void> {
    this.ending = true;
    // All at once: a database that does not answer must not keep the collectors from being stopped.
    const ended = [this.looking.stop(), this.runs.stopAll(patienceMs), ...this.busy.values()];
    await settled(Promise.allSettled(ended), patienceMs + KILL_MS);
  }

  private async lookNow(): Promise<void> {
    const { registry, leases, onLook, logger } = this.options;
    const startedAt = performance.now();
    if (startedAt - this.lookedAt > SLEPT_MS) this.runs.excuse();
    const [read, { owners, nodes }] = await Promise.all([registry.list(), leases.view()]);
    this.lookedAt = performance.now();
    const clusters = onLook({ clusters: read, owners, nodes });
    this.runs.replaceHung();
    await this.dropUnknown(new Set(clusters.map(({ id }) => id)));
    const share = Math.ceil(clusters.filter(shouldRun).length / nodes.size);
    for (const cluster of clusters) {
      if ((this.actedAt.get(cluster.id) ?? 0) > startedAt) continue;
      const action = this.plan(cluster, owners.get(cluster.id) ?? null, share);
      if (action.do !== "nothing") void this.act(cluster, action);
    }
    this.handOver(clusters, share, nodes.size);
    logger.trace({ clusters: clusters.length, held: this.keeper.held.size, share }, "looked");
  }

  private plan(cluster: Cluster, owner: string | null, share: number): ClusterAction {
    const { node } = this.options.leases;
    const now = performance.now();
    const { id } = cluster;
    // A lease of ours that we do not know of is from an answer that was lost: it is taken again.
    const known = owner === node && !this.keeper.held.has(id) ? null : owner;
    if (known !== null) this.freeSince.delete(id);
    else if (!this.freeSince.has(id)) this.freeSince.set(id, now);
    const run = this.runs.of(id);
    return planCluster({
      cluster,
      owner: this.keeper.held.has(id) ? node : known,
      self: node,
      running: run ? { generation: run.cluster.generation, stopping: run.stopping } : null,
      atShare: this.keeper.held.size >= share,
      freeForMs: now - (this.freeSince.get(id) ?? now),
      restartInMs: this.runs.restartInMs(id),
    });
  }

  /** One action a cluster at a time. */
  private act(cluster: Cluster, action: ClusterAction): Promise<void> {
    if (this.ending || this.busy.has(cluster.id)) return Promise.resolve();
    const acting = this.perform(cluster, action)
      .catch((error) => {
        const { name } = cluster;
        this.options.logger.error({ cluster: name, action: action.do, ...describeError(error) }, "an action failed; it is tried again");
      })
      .then(() => {
        this.busy.delete(cluster.id);
        this.actedAt.set(cluster.id, performance.now());
        this.look();
      });
    this.busy.set(cluster.id, acting);
    return acting;
  }

  private async perform(cluster: Cluster, action: ClusterAction): Promise<void> {
    const { id } = cluster;
    switch (action.do) {
      case "acquire":
        await this.keeper.acquire(id);
        return;
      case "release":
        return this.keeper.release(id);
      case "start":
        return this.runs.start(cluster, this.keeper.held.get(id)!);
      case "stop":
        return this.runs.of(id)?.stop();
      case "task":
        return this.performTask(cluster, action.task);
    }
  }

  private async performTask(cluster: Cluster, task: Task): Promise<void> {
    const fence = this.keeper.held.get(cluster.id);
    if (fence === undefined) return; // lost meanwhile: the next owner does it
    try {
      this.runs.say(cluster, fence, task.kind === "reset" ? "resetting_oplog_store" : "stopping", null);
      await this.options.doTask(cluster, task);
    } catch (error) {
      this.runs.taskFailed(cluster, fence, task.kind === "reset" ? "resetting_oplog_store" : "stopping", describeError(error));
      throw error;
    }
    if (task.kind !== "reset") await this.keeper.forget(cluster.id);
  }

  /** What was de-registered elsewhere is none of ours any more. */
  private async dropUnknown(known: ReadonlySet<string>): Promise<void> {
    for (const id of this.actedAt.keys()) if (!known.has(id)) this.actedAt.delete(id);
    for (const id of this.freeSince.keys()) if (!known.has(id)) this.freeSince.delete(id);
    for (const id of this.keeper.held.keys()) {
      if (known.has(id) || this.busy.has(id)) continue;
      await this.runs.of(id)?.stop();
      await this.keeper.forget(id);
    }
  }

  /** Gives a cluster to a node that has come since: each should run about as many. */
  private handOver(clusters: readonly Cluster[], share: number, nodes: number): void {
    const now = performance.now();
    if (nodes < 2 || this.keeper.held.size <= share || now - this.handedOverAt < HANDOVER_INTERVAL_MS) return;
    const cluster = clusters.find(({ id }) => this.runs.of(id)?.report?.state === "running" && !this.busy.has(id));
    if (!cluster) return;
    this.handedOverAt = now;
    this.options.logger.info({ cluster: cluster.name }, "handed over to a server with fewer clusters");
    const hand = async () => {
      await this.runs.of(cluster.id)?.stop();
      await this.keeper.release(cluster.id);
    };
    const handing = hand()
      .catch((error) => this.options.logger.warn({ ...describeError(error) }, "a lease could not be released; it runs out by itself"))
      .then(() => {
        this.busy.delete(cluster.id);
        this.actedAt.set(cluster.id, performance.now());
      });
    this.busy.set(cluster.id, handing);
  }
}
