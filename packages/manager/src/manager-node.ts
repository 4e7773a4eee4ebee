import type { Db } from "mongodb";
import type { Logger } from "pino";
import type { Cluster, Task } from "./cluster.js";
import { Housekeeping } from "./housekeeping.js";
import { inProcessRunner } from "./in-process-runner.js";
import type { Jobs } from "./jobs.js";
import { Leases } from "./lease.js";
import { DEFAULT_LOG_ROTATION } from "./log-file.js";
import { snapshotWork } from "./log-jobs.js";
import { LogWatch } from "./log-watch.js";
import type { ManagerOptions } from "./manager-options.js";
import { settled } from "./patience.js";
import { processRunner } from "./process-runner.js";
import type { RegisteredClusters } from "./registered-clusters.js";
import type { Registry } from "./registry.js";
import type { RunSpec } from "./runner.js";
import type { SourceClients } from "./source-clients.js";
import { StatusWriter } from "./status-writer.js";
import type { StoreLocations } from "./store-locations.js";
import { type Look, Supervisor } from "./supervisor.js";
import { wipeLog } from "./wipe-log.js";

/** All has to end within 10 s: the collectors first, then the jobs, then what is said of them. */
const STOP_COLLECTORS_MS = 6_000;
const STOP_JOBS_MS = 1_000;
const SIGN_OFF_MS = 1_500;

/** Jobs of dead nodes may show as running for so long. */
const ORPHANS_INTERVAL_MS = 10_000;

export interface ManagerNodeOptions extends Pick<ManagerOptions, "secrets" | "runner" | "logLevel" | "logRotation"> {
  db: Db;
  name: string;
  registry: Registry;
  known: RegisteredClusters;
  locations: StoreLocations;
  sources: SourceClients;
  jobs: Jobs;
  logFileOf: (cluster: string) => string | null;
  logger: Logger;
}

/** What works in the background on one server: its share of the collectors, and what keeps their logs in order. */
export class ManagerNode {
  readonly supervisor: Supervisor;
  readonly leases: Leases;
  private readonly states: StatusWriter;
  private readonly watch: LogWatch;
  private readonly housekeeping: Housekeeping;
  private orphansLookedAt = Number.NEGATIVE_INFINITY;

  constructor(private readonly options: ManagerNodeOptions) {
    const { db, name, secrets, registry, known, locations, sources, jobs, runner = "process", logger } = options;
    this.leases = new Leases(db, name, secrets.keyIds);
    this.states = new StatusWriter(registry, logger);
    const named = {
      process: processRunner,
      "in-process": () => inProcessRunner({ openLocation: locations.whenUp, connect: sources.connect }),
    };
    this.supervisor = new Supervisor({
      ...{ registry, leases: this.leases, node: name, logger },
      runner: typeof runner === "string" ? named[runner]() : runner,
      specOf: (cluster) => this.specOf(cluster),
      doTask: (cluster, task) => this.doTask(cluster, task),
      onLook: (look) => this.looked(look),
      onStatus: (id, status, urgent) => {
        known.report(id, status);
        this.states.note(id, status, urgent);
      },
      onGapAccepted: ({ id, generation }) => void registry.gapAccepted(id, generation).catch(() => {}), // asked for again with the next start
    });
    const owned = () => this.supervisor.owned.flatMap((id) => known.find(id) ?? []);
    this.watch = new LogWatch({ locations, owned, onSummary: ({ id }, summary) => registry.summarize(id, summary), logger });
    known.subscribe((event) => {
      if (event.kind === "job" && event.job.kind === "snapshot" && event.job.state === "done")
        void registry.logChanged(event.job.cluster).catch(() => {}); // then it is seen with the next look at a quiet log
    });
    const takeSnapshot = (cluster: Cluster) => jobs.start("snapshot", cluster, { scheduled: true }, snapshotWork(locations, cluster));
    const onPruned = (cluster: Cluster) => this.watch.refresh(cluster);
    this.housekeeping = new Housekeeping({ locations, jobs, owned, takeSnapshot, onPruned, logger });
  }

  async prepare(): Promise<void> {
    await this.leases.prepare();
  }

  async begin(): Promise<void> {
    await this.options.registry.retryHalted();
    await this.supervisor.start();
    this.states.start();
    this.watch.start();
    this.housekeeping.start();
    this.options.logger.info({ node: this.options.name }, "the manager runs");
  }

  /** Stops all collectors of this node in order and gives them to the others. */
  async end(): Promise<void> {
    const working = [this.options.jobs.end(STOP_JOBS_MS), this.watch.stop(), this.housekeeping.stop()];
    await settled(Promise.allSettled([this.supervisor.stopAll(STOP_COLLECTORS_MS), ...working]), STOP_COLLECTORS_MS + STOP_JOBS_MS);
    // Otherwise the leases run out by themselves, and tell the others as much.
    await settled(
      this.states.end().finally(() => this.supervisor.keeper.end()),
      SIGN_OFF_MS,
    );
  }

  private specOf(cluster: Cluster): RunSpec {
    const { logFileOf, logLevel = "info", logRotation = DEFAULT_LOG_ROTATION } = this.options;
    const { name, connectionString, storeUri, database, capture, startFrom, acceptGap, rpoMs, maxRetries } = cluster;
    return {
      ...{ name, connectionString, storeUri, database, capture, startFrom, acceptGap, rpoMs, maxRetries },
      ...{ logFile: logFileOf(name), logLevel, logRotation },
    };
  }

  private async doTask(cluster: Cluster, { kind, generation }: Task): Promise<void> {
    const { registry, locations } = this.options;
    const { id, name, storeUri } = cluster;
    if (kind !== "remove-keep-data") await locations.use(storeUri, (location) => wipeLog(location, name));
    if (kind !== "reset") return registry.remove(id);
    await registry.resetDone(id, generation);
  }

  private looked(look: Look): Cluster[] {
    const { jobs, known } = this.options;
    if (performance.now() - this.orphansLookedAt > ORPHANS_INTERVAL_MS) {
      this.orphansLookedAt = performance.now();
      void jobs.endOrphans(async () => (await this.leases.view()).nodes).catch(() => {}); // looked for again in a while
    }
    return known.looked(look);
  }
}
