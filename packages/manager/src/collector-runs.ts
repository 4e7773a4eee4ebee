import type { CollectorState, StatusError } from "@oplog-collector/collector-core";
import type { Logger } from "pino";
import type { Cluster, ClusterStatus } from "./cluster.js";
import { CollectorRun } from "./collector-run.js";
import { CrashHistory } from "./crash-budget.js";
import type { RunEnd, Runner, RunSpec } from "./runner.js";

export interface CollectorRunsOptions {
  runner: Runner;
  specOf: (cluster: Cluster) => RunSpec;
  node: string;
  /** What is true of a cluster now; `urgent`: another state or error than before. */
  onStatus: (cluster: string, status: ClusterStatus, urgent: boolean) => void;
  /** The operator's leave for one gap is used up. */
  onGapAccepted: (cluster: Cluster) => void;
  onEnded: () => void;
  logger: Logger;
}

/** The collectors that run on this node: starts them, says how they are, and decides what their end means. */
export class CollectorRuns {
  private readonly runs = new Map<string, CollectorRun>();
  private readonly crashes = new Map<string, CrashHistory>();

  constructor(private readonly options: CollectorRunsOptions) {}

  of(cluster: string): CollectorRun | undefined {
    return this.runs.get(cluster);
  }

  restartInMs(cluster: string): number {
    return this.crashes.get(cluster)?.restartInMs(performance.now()) ?? 0;
  }

  async start(cluster: Cluster, fence: number): Promise<void> {
    if (this.crashes.get(cluster.id)?.generation !== cluster.generation) this.crashes.set(cluster.id, new CrashHistory(cluster.generation));
    const run = new CollectorRun(cluster, fence, this.options.runner, this.options.specOf(cluster), (reporting, urgent) => {
      this.tell(reporting, urgent);
      if (cluster.acceptGap && urgent && reporting.report?.state === "running") this.options.onGapAccepted(cluster);
    });
    this.runs.set(cluster.id, run);
    this.tell(run, true);
    void run.ended.then((end) => this.ended(run, end));
  }

  /** At once, without asking: we may no longer run it. */
  end(cluster: string, why: string): void {
    const run = this.runs.get(cluster);
    if (!run) return;
    this.options.logger.warn({ cluster: run.cluster.name, why }, "a collector is ended");
    run.kill({ replace: false });
  }

  async stopAll(patienceMs: number): Promise<void> {
    await Promise.all(
      [...this.runs.values()].map((run) => {
        const stopped = run.stop(patienceMs);
        this.tell(run, true);
        return stopped;
      }),
    );
  }

  replaceHung(): void {
    for (const run of this.runs.values()) {
      if (!run.hangs) continue;
      this.options.logger.warn({ cluster: run.cluster.name }, "the collector does not report any more and is replaced");
      run.kill({ replace: !run.stopping });
    }
  }

  excuse(): void {
    for (const run of this.runs.values()) run.excuse();
  }

  /** A state of our own doing, while no collector runs. */
  say(cluster: Cluster, fence: number, state: CollectorState, error: StatusError | null): void {
    const status: ClusterStatus = {
      ...{ state, generation: cluster.generation, fence, pid: null, node: this.options.node, report: null, error, restarts: 0 },
      ...{ eventsPerSecond: null, bytesPerSecond: null, at: new Date() },
    };
    this.options.onStatus(cluster.id, status, true);
  }

  /** It is tried again, with growing pauses. */
  taskFailed(cluster: Cluster, fence: number, state: CollectorState, error: StatusError): void {
    const crashes = this.crashes.get(cluster.id) ?? new CrashHistory(cluster.generation);
    this.crashes.set(cluster.id, crashes);
    crashes.note(performance.now());
    this.say(cluster, fence, state, error);
  }

  private ended(run: CollectorRun, end: RunEnd): void {
    const { cluster } = run;
    if (this.runs.get(cluster.id) === run) this.runs.delete(cluster.id);
    const crashes = this.crashes.get(cluster.id) ?? new CrashHistory(cluster.generation);
    if (end.kind === "ended" && end.status.state !== "stopped" && end.status.error?.code !== "FENCED") {
      this.options.logger.warn({ cluster: cluster.name, state: end.status.state, ...end.status.error }, "a collector can't go on");
      this.tellEnd(run, end.status.state, end.status.error);
    } else if (run.stopping) this.tellEnd(run, "stopped", null);
    else this.crashed(run, end, crashes);
    this.options.onEnded();
  }

  private crashed(run: CollectorRun, end: RunEnd, crashes: CrashHistory): void {
    const delay = crashes.note(performance.now());
    const { error, final } = causeOf(end);
    this.options.logger.warn({ cluster: run.cluster.name, ...error, restartInMs: delay }, "a collector ended unexpectedly");
    if (delay === null)
      this.tellEnd(run, final, { ...error, hint: error.hint ?? "It ended too often in a row: read its log, then start it again." });
    else this.tellEnd(run, "retrying_connection", { ...error, hint: "It is started again by itself.", attempt: crashes.count });
  }

  private tell(run: CollectorRun, urgent: boolean): void {
    const status = { ...run.status(this.restarts(run)), node: this.options.node };
    this.options.onStatus(run.cluster.id, status, urgent);
  }

  private tellEnd(run: CollectorRun, state: CollectorState, error: StatusError | null): void {
    const status = { ...run.endStatus(state, error, this.restarts(run)), node: this.options.node };
    this.options.onStatus(run.cluster.id, status, true);
  }

  private restarts(run: CollectorRun): number {
    return this.crashes.get(run.cluster.id)?.count ?? 0;
  }
}

/** Why it ended without being asked, and the state if that happens too often. */
function causeOf(end: RunEnd): { error: StatusError; final: CollectorState } {
  if (end.kind === "crashed") return { error: end.error, final: "error_stopped_unexpectedly" };
  // Fenced though we hold the lease: the last words of the collector before us came in between. If it goes on, a stranger writes the log.
  if (end.status.error) return { error: end.status.error, final: "error" };
  return { error: { code: "CRASHED", message: "The collector ended without being asked to" }, final: "error_stopped_unexpectedly" };
}
