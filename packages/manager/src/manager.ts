import { type DoctorCheck, examine, OplogError } from "@oplog-collector/collector-core";
import type { RestorePlan } from "@oplog-collector/restore";
import type { Db, MongoClient } from "mongodb";
import { type Logger, pino } from "pino";
import type { Cluster } from "./cluster.js";
import { ClusterLogs } from "./cluster-logs.js";
import type { ClusterView } from "./cluster-view.js";
import { unhealthyBecause } from "./health.js";
import { type Job, Jobs } from "./jobs.js";
import { planOfRestore, redactedRequest, restoreWork, snapshotWork, verifyWork } from "./log-jobs.js";
import type {
  EventFilter,
  EventRow,
  LogCoverage,
  ManagerApi,
  ManagerEvent,
  RestoreRequest,
  StatsRow,
  UnusualMoment,
} from "./manager-api.js";
import { ManagerNode } from "./manager-node.js";
import { defaultNodeName, type ManagerOptions } from "./manager-options.js";
import { metadataFailure, openMetadata } from "./metadata-database.js";
import { OperatorWishes } from "./operator-wishes.js";
import { settled } from "./patience.js";
import { type RecentFigures, RecentMemory } from "./recent-figures.js";
import { RegisteredClusters } from "./registered-clusters.js";
import type { RegistrationChange, RegistrationInput } from "./registration.js";
import { type KeyRotation, Registry } from "./registry.js";
import { SourceClients } from "./source-clients.js";
import { StoreLocations } from "./store-locations.js";

/** A connection that has not closed by then is left to the operating system. */
const CLOSE_MS = 500;

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
  const { db: given, metadataUri } = options;
  if ((given === undefined) === (metadataUri === undefined))
    throw new OplogError("BAD_INPUT", "A manager takes either a db or a metadataUri", { hint: "Give one of the two." });
  const { db, client } = metadataUri === undefined ? { db: given!, client: null } : openMetadata(metadataUri);
  try {
    const manager = new Manager(db, client, options);
    await manager.prepare();
    return manager;
  } catch (error) {
    await client?.close();
    throw metadataFailure(error);
  }
}

export class Manager implements ManagerApi {
  /** What this server is called among those that share the metadata database. */
  readonly node: string;
  private readonly logger: Logger;
  private readonly registry: Registry;
  private readonly known = new RegisteredClusters();
  private readonly locations = new StoreLocations();
  private readonly sources = new SourceClients();
  private readonly files: ClusterLogs;
  private readonly figures = new RecentMemory();
  private readonly work: Jobs;
  private readonly running: ManagerNode;
  private readonly wishes: OperatorWishes;

  constructor(
    db: Db,
    private readonly client: MongoClient | null,
    options: ManagerOptions,
  ) {
    const { secrets, logger = pino({ enabled: false }), node = defaultNodeName(), logDir = null, runner, logLevel, logRotation } = options;
    const { known, locations, sources } = this;
    this.node = node;
    this.logger = logger;
    this.registry = new Registry(db, secrets);
    this.files = new ClusterLogs(locations, logDir);
    this.work = new Jobs(db, node, (job) => known.tell({ kind: "job", job }));
    const logFileOf = (cluster: string) => this.files.pathOf(cluster);
    const { registry, work: jobs } = this;
    this.running = new ManagerNode({
      ...{ db, name: node, secrets, registry, known, locations, sources, jobs },
      ...{ logFileOf, runner, logLevel, logRotation, logger },
    });
    known.subscribe((event) => {
      if (event.kind === "cluster") this.figures.note(event.cluster);
      else if (event.kind === "cluster-removed") this.figures.drop(event.id);
    });
    this.wishes = new OperatorWishes({ registry, known, secrets, leases: this.running.leases, look: () => this.running.supervisor.look() });
  }

  async prepare(): Promise<void> {
    await this.registry.prepare();
    await Promise.all([this.work.prepare(), this.running.prepare()]);
  }

  /** From here on it runs what should run. */
  begin(): Promise<void> {
    return this.running.begin();
  }

  /** Stops all collectors of this node in order and gives them to the others; within 10 s, whatever does not answer. */
  async end(): Promise<void> {
    await this.running.end();
    await settled(Promise.allSettled([this.locations.close(), this.sources.close(), this.client?.close()]), CLOSE_MS);
    this.logger.info({ node: this.node }, "the manager has ended");
  }

  async list(): Promise<ClusterView[]> {
    return this.known.list();
  }

  async get(id: string): Promise<ClusterView> {
    return this.known.view(await this.find(id));
  }

  register(input: RegistrationInput): Promise<ClusterView> {
    return this.wishes.register(input);
  }

  change(id: string, change: RegistrationChange): Promise<ClusterView> {
    return this.wishes.change(id, change);
  }

  remove(id: string, options: { keepData?: boolean } = {}): Promise<void> {
    return this.wishes.remove(id, options);
  }

  start(id: string, options: { acceptGap?: boolean } = {}): Promise<ClusterView> {
    return this.wishes.start(id, options);
  }

  stop(id: string): Promise<ClusterView> {
    return this.wishes.stop(id);
  }

  reset(id: string): Promise<ClusterView> {
    return this.wishes.reset(id);
  }

  async recent(): Promise<RecentFigures[]> {
    return this.figures.list();
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

  async moments(id: string): Promise<UnusualMoment[]> {
    return this.files.moments(await this.find(id));
  }

  async logs(id: string, lines: number): Promise<string[]> {
    return this.files.lines(await this.find(id), lines);
  }

  async doctor({ connectionString, storeUri, database, capture }: Parameters<ManagerApi["doctor"]>[0]): Promise<DoctorCheck[]> {
    const checks: DoctorCheck[] = [];
    for await (const check of examine({ source: connectionString, store: storeUri, database, capture })) checks.push(check);
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

  rotateKey(): Promise<KeyRotation> {
    return this.wishes.rotateKey();
  }

  async ready(): Promise<{ ready: boolean; reasons: string[] }> {
    const stale = this.running.supervisor.staleBecause();
    const reasons = [...(stale === null ? [] : [stale]), ...this.known.list().flatMap((view) => unhealthyBecause(view) ?? [])];
    return { ready: reasons.length === 0, reasons };
  }

  /** From memory, or what was registered just now elsewhere. */
  private async find(id: string): Promise<Cluster> {
    return this.known.find(id) ?? this.registry.get(id);
  }
}
