import { type DoctorCheck, examine, OplogError } from "@oplog-collector/collector-core";
import type { RestorePlan } from "@oplog-collector/restore";
import type { Db, MongoClient } from "mongodb";
import { type Logger, pino } from "pino";
import type { Cluster, Task } from "./cluster.js";
import { ClusterLogs } from "./cluster-logs.js";
import { shouldRun } from "./cluster-plan.js";
import type { ClusterView } from "./cluster-view.js";
import { unhealthyBecause } from "./health.js";
import { Housekeeping } from "./housekeeping.js";
import { inProcessRunner } from "./in-process-runner.js";
import { type Job, Jobs } from "./jobs.js";
import { Leases } from "./lease.js";
import { planOfRestore, redactedRequest, restoreWork, snapshotWork, verifyWork } from "./log-jobs.js";
import { LogWatch } from "./log-watch.js";
import type { EventFilter, EventRow, LogCoverage, ManagerApi, ManagerEvent, RestoreRequest, StatsRow } from "./manager-api.js";
import { defaultNodeName, type ManagerOptions } from "./manager-options.js";
import { openMetadata } from "./metadata-database.js";
import { settled } from "./patience.js";
import { processRunner } from "./process-runner.js";
import { RegisteredClusters } from "./registered-clusters.js";
import { type RegistrationChange, type RegistrationInput, readRegistration, readRegistrationChange } from "./registration.js";
import { Registry } from "./registry.js";
import type { Runner, RunSpec } from "./runner.js";
import { StatusWriter } from "./status-writer.js";
import { StoreLocations } from "./store-locations.js";
import { type Look, Supervisor } from "./supervisor.js";
import { wipeLog } from "./wipe-log.js";

/** All has to end within 10 s: the collectors first, then the jobs, then what is said of them. */
const STOP_COLLECTORS_MS = 6_000;
const STOP_JOBS_MS = 1_000;
const SIGN_OFF_MS = 1_500;
const CLOSE_MS = 500;

/** A removal is mostly done within a second or two; a store that does not answer keeps it waiting. */
const REMOVAL_PATIENCE_MS = 25_000;
const REMOVAL_LOOK_MS = 100;

/**
 * Keeps one collector running for each registered cluster, alone or together with other managers on the same metadata database.
 *
 *     const secrets = await SecretBox.fromKeyFile("./data/encryption.key");
 *     const manager = await createManager({ metadataUri: "mongodb://127.0.0.1/oplog_collector", secrets });
 *     await manager.begin();
 *     await manager.register({ name: "shop", connectionString: "mongodb://…", storeUri: "file:///var/lib/oplog" });
 *
 * Throws when the metadata database does not answer, or holds secrets that none of the keys opens.
 */
export async function createManager(options: ManagerOptions): Promise<Manager> {
  const { db, client } = openMetadata(options);
  try {
    const manager = new Manager(db, client, options);
    await manager.prepare();
    return manager;
  } catch (error) {
    await client?.close();
    throw error;
  }
}

export class Manager implements ManagerApi {
  readonly node: string;
  private readonly logger: Logger;
  private readonly registry: Registry;
  private readonly leases: Leases;
  private readonly known = new RegisteredClusters();
  private readonly locations = new StoreLocations();
  private readonly files: ClusterLogs;
  private readonly work: Jobs;
  private readonly states: StatusWriter;
  private readonly supervisor: Supervisor;
  private readonly watch: LogWatch;
  private readonly housekeeping: Housekeeping;

  constructor(
    db: Db,
    private readonly client: MongoClient | null,
    private readonly options: ManagerOptions,
  ) {
    const { logger = pino({ enabled: false }), node = defaultNodeName(), logDir = null } = options;
    this.node = node;
    this.logger = logger;
    this.registry = new Registry(db, options.secrets);
    this.leases = new Leases(db, node);
    this.files = new ClusterLogs(this.locations, logDir);
    this.work = new Jobs(db, node, (job) => this.known.tell({ kind: "job", job }));
    this.states = new StatusWriter(this.registry, logger);
    this.supervisor = this.makeSupervisor();
    const owned = () => this.owned();
    const { locations, work: jobs } = this;
    this.watch = new LogWatch({ locations, owned, onSummary: ({ id }, summary) => this.registry.summarize(id, summary), logger });
    const takeSnapshot = (cluster: Cluster) => jobs.start("snapshot", cluster, { scheduled: true }, snapshotWork(locations, cluster));
    this.housekeeping = new Housekeeping({
      locations,
      jobs,
      owned,
      takeSnapshot,
      onPruned: (cluster) => this.watch.refresh(cluster),
      logger,
    });
  }

  async prepare(): Promise<void> {
    await this.registry.prepare();
    await Promise.all([this.work.prepare(), this.leases.prepare()]);
  }

  /** From here on it runs what should run. */
  async begin(): Promise<void> {
    await this.registry.retryHalted();
    await this.supervisor.start();
    this.states.start();
    this.watch.start();
    this.housekeeping.start();
    this.logger.info({ node: this.node }, "the manager runs");
  }

  /** Stops all collectors of this node in order and gives them to the others; within 10 s, whatever does not answer. */
  async end(): Promise<void> {
    const working = [this.work.end(STOP_JOBS_MS), this.watch.stop(), this.housekeeping.stop()];
    await settled(Promise.allSettled([this.supervisor.stopAll(STOP_COLLECTORS_MS), ...working]), STOP_COLLECTORS_MS + STOP_JOBS_MS);
    // Otherwise the leases run out by themselves, and tell the others as much.
    await settled(
      this.states.end().finally(() => this.supervisor.keeper.end()),
      SIGN_OFF_MS,
    );
    await settled(Promise.allSettled([this.locations.close(), this.client?.close()]), CLOSE_MS);
    this.logger.info({ node: this.node }, "the manager has ended");
  }

  async list(): Promise<ClusterView[]> {
    return this.known.list();
  }

  async get(id: string): Promise<ClusterView> {
    return this.known.view(await this.find(id));
  }

  async register(input: RegistrationInput): Promise<ClusterView> {
    return this.wished(await this.registry.add(readRegistration(input)));
  }

  async change(id: string, change: RegistrationChange): Promise<ClusterView> {
    return this.wished(await this.registry.change(id, readRegistrationChange(change)));
  }

  async remove(id: string, { keepData = false }: { keepData?: boolean } = {}): Promise<void> {
    const cluster = await this.registry.wantTask(id, keepData ? "remove-keep-data" : "remove");
    this.wished(cluster);
    const deadline = performance.now() + REMOVAL_PATIENCE_MS;
    while (await this.registry.has(cluster.id)) {
      if (performance.now() > deadline)
        throw new OplogError(
          "UNREACHABLE",
          `${cluster.name} is not removed yet: ${(await this.get(cluster.id)).error?.message ?? "its server has not got to it"}`,
          {
            hint: "It is removed as soon as its store answers. Remove it with keepData to leave the store alone.",
          },
        );
      await new Promise((resolve) => setTimeout(resolve, REMOVAL_LOOK_MS));
    }
    this.known.drop(cluster.id);
  }

  async start(id: string, { acceptGap = false }: { acceptGap?: boolean } = {}): Promise<ClusterView> {
    const cluster = await this.registry.get(id);
    refuseWhileRemoved(cluster);
    if (shouldRun(cluster)) throw new OplogError("CONFLICT", `${cluster.name} runs already`, { hint: "Stop it first to start it anew." });
    return this.wished(await this.registry.want(cluster.id, "running", { acceptGap }));
  }

  async stop(id: string): Promise<ClusterView> {
    const cluster = await this.registry.get(id);
    if (cluster.desired === "stopped") throw new OplogError("CONFLICT", `${cluster.name} is stopped already`);
    return this.wished(await this.registry.want(cluster.id, "stopped"));
  }

  async reset(id: string): Promise<ClusterView> {
    const cluster = await this.registry.get(id);
    refuseWhileRemoved(cluster);
    if (cluster.task) throw new OplogError("CONFLICT", `${cluster.name} is being reset already`);
    return this.wished(await this.registry.wantTask(cluster.id, "reset"));
  }

  async coverage(id: string): Promise<LogCoverage> {
    return this.files.coverage(await this.find(id));
  }

  async events(id: string, filter: EventFilter): Promise<{ rows: EventRow[]; cursor: string | null }> {
    return this.files.events(await this.find(id), filter);
  }

  async stats(id: string, options: { from?: string; to?: string; buckets?: number }): Promise<StatsRow[]> {
    return this.files.stats(await this.find(id), options);
  }

  async logs(id: string, lines: number): Promise<string[]> {
    return this.files.lines(await this.find(id), lines);
  }

  async doctor({ connectionString, storeUri, database }: Parameters<ManagerApi["doctor"]>[0]): Promise<DoctorCheck[]> {
    const checks: DoctorCheck[] = [];
    for await (const check of examine({ source: connectionString, store: storeUri, database })) checks.push(check);
    return checks;
  }

  async snapshot(id: string): Promise<Job> {
    const cluster = await this.find(id);
    return this.work.start("snapshot", cluster, {}, snapshotWork(this.locations, cluster));
  }

  async verify(id: string): Promise<Job> {
    const cluster = await this.find(id);
    return this.work.start("verify", cluster, {}, verifyWork(this.locations, cluster));
  }

  async restore(id: string, request: RestoreRequest): Promise<Job> {
    const cluster = await this.find(id);
    return this.work.start("restore", cluster, redactedRequest(request), restoreWork(this.locations, cluster, request));
  }

  async plan(id: string, request: RestoreRequest): Promise<RestorePlan> {
    return planOfRestore(this.locations, await this.find(id), request);
  }

  jobs(cluster?: string): Promise<Job[]> {
    return this.work.list(cluster);
  }

  job(id: string): Promise<Job> {
    return this.work.get(id);
  }

  cancelJob(id: string): Promise<Job> {
    return this.work.cancel(id);
  }

  subscribe(listener: (event: ManagerEvent) => void): () => void {
    return this.known.subscribe(listener);
  }

  rotateSecrets(): Promise<number> {
    return this.registry.rotateSecrets();
  }

  async ready(): Promise<{ ready: boolean; reasons: string[] }> {
    const stale = this.supervisor.staleBecause();
    const reasons = [...(stale === null ? [] : [stale]), ...this.known.list().flatMap((view) => unhealthyBecause(view) ?? [])];
    return { ready: reasons.length === 0, reasons };
  }

  /** From memory, or what was registered just now elsewhere. */
  private async find(id: string): Promise<Cluster> {
    return this.known.find(id) ?? this.registry.get(id);
  }

  /** Shows the wish at once, and has it acted on. */
  private wished(cluster: Cluster): ClusterView {
    this.supervisor.look();
    return this.known.put(cluster);
  }

  private owned(): Cluster[] {
    return this.supervisor.owned.flatMap((id) => this.known.find(id) ?? []);
  }

  private makeSupervisor(): Supervisor {
    const { runner = "process" } = this.options;
    return new Supervisor({
      ...{ registry: this.registry, leases: this.leases, node: this.node, logger: this.logger },
      runner: typeof runner === "string" ? this.namedRunner(runner) : runner,
      specOf: (cluster) => this.specOf(cluster),
      doTask: (cluster, task) => this.doTask(cluster, task),
      onLook: (look) => this.looked(look),
      onStatus: (id, status, urgent) => {
        this.known.report(id, status);
        this.states.note(id, status, urgent);
      },
      onGapAccepted: ({ id, generation }) => void this.registry.gapAccepted(id, generation).catch(() => {}), // asked for again with the next start
    });
  }

  private namedRunner(runner: "process" | "in-process"): Runner {
    return runner === "process" ? processRunner() : inProcessRunner(this.locations.whenUp);
  }

  private specOf(cluster: Cluster): RunSpec {
    const { name, connectionString, storeUri, database, capture, startFrom, acceptGap, rpoMs, maxRetries } = cluster;
    return {
      ...{ name, connectionString, storeUri, database, capture, startFrom, acceptGap, rpoMs, maxRetries },
      logFile: this.files.pathOf(name),
      logLevel: this.options.logLevel ?? "info",
    };
  }

  private async doTask(cluster: Cluster, { kind, generation }: Task): Promise<void> {
    const { id, name, storeUri } = cluster;
    if (kind !== "remove-keep-data") await this.locations.use(storeUri, (location) => wipeLog(location, name));
    if (kind !== "reset") return this.registry.remove(id);
    await this.registry.resetDone(id, generation);
  }

  private looked(look: Look): Cluster[] {
    if (performance.now() - this.orphansLookedAt > ORPHANS_INTERVAL_MS) {
      this.orphansLookedAt = performance.now();
      void this.work.endOrphans((node) => look.nodes.has(node)).catch(() => {}); // looked for again in a while
    }
    return this.known.looked(look);
  }

  private orphansLookedAt = Number.NEGATIVE_INFINITY;
}

/** Jobs of dead nodes may show as running for so long. */
const ORPHANS_INTERVAL_MS = 10_000;

function refuseWhileRemoved({ name, task }: Cluster): void {
  if (task && task.kind !== "reset") throw new OplogError("CONFLICT", `${name} is being removed`);
}
