import type { CollectorState, PrintedStatus, StatusError } from "@oplog-collector/collector-core";
import type { Cluster, ClusterStatus } from "./cluster.js";
import { RateMeter } from "./rate-meter.js";
import { REPORT_INTERVAL_MS, type RunEnd, type Runner, type RunningCollector, type RunSpec } from "./runner.js";

/** A collector that has not reported for this long hangs, and is replaced. */
export const HUNG_MS = 3 * REPORT_INTERVAL_MS;

/** Until its first report: dozens of processes may be starting at the same time. */
const START_PATIENCE_MS = 30_000;

/** A stopped collector waits up to 10 s for its store; after this it is ended by force. */
const STOP_PATIENCE_MS = 12_000;

/** One start of one cluster's collector, under one lease. */
export class CollectorRun {
  report: PrintedStatus | null = null;
  stopping = false;
  /** The state of our own doing; null: what the collector reports. */
  private override: CollectorState | null = null;
  private lastReportAt = performance.now();
  private readonly rates = new RateMeter();
  private readonly collector: RunningCollector;

  constructor(
    readonly cluster: Cluster,
    readonly fence: number,
    runner: Runner,
    spec: RunSpec,
    /** `urgent`: the state or the error is another one. */
    onReport: (run: CollectorRun, urgent: boolean) => void,
  ) {
    this.collector = runner.start(spec, (report) => {
      const urgent = this.report?.state !== report.state || this.report?.error?.message !== report.error?.message;
      this.report = report;
      this.lastReportAt = performance.now();
      this.rates.note(this.lastReportAt, report);
      onReport(this, urgent);
    });
  }

  get ended(): Promise<RunEnd> {
    return this.collector.ended;
  }

  get hangs(): boolean {
    return performance.now() - this.lastReportAt > (this.report ? HUNG_MS : START_PATIENCE_MS);
  }

  /** After a sleep of our own process: nobody could be heard meanwhile. */
  excuse(): void {
    this.lastReportAt = performance.now();
  }

  /** Asks it to end, and ends it when it does not. */
  async stop(patienceMs = STOP_PATIENCE_MS): Promise<void> {
    this.stopping = true;
    this.override = "stopping";
    this.collector.stop();
    const timer = setTimeout(() => this.collector.kill(), patienceMs);
    await this.collector.ended;
    clearTimeout(timer);
  }

  /** For one that hangs or that we may no longer run. `replace`: it is started again. */
  kill({ replace }: { replace: boolean }): void {
    this.stopping = !replace;
    this.collector.kill();
  }

  status(restarts: number): ClusterStatus {
    const { report, cluster, fence, collector, rates } = this;
    const state = this.override ?? report?.state ?? "starting";
    return {
      ...{ state, generation: cluster.generation, fence, pid: collector.pid, node: null, report, error: report?.error ?? null, restarts },
      ...{ ...rates.current, at: new Date() },
    };
  }

  /** After its end. */
  endStatus(state: CollectorState, error: StatusError | null, restarts: number): ClusterStatus {
    return { ...this.status(restarts), state, error, pid: null, eventsPerSecond: null, bytesPerSecond: null };
  }
}
