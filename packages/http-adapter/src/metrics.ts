import type { ClusterView, Job, ManagerApi, StatsRow } from "@oplog-collector/manager";
import { Gauge, Registry } from "prom-client";

/** Reading the counts of every log is not free: scrapes within this time share one reading. */
const RATES_KEPT_MS = 15_000;
/** Over how long rates are taken. */
const RATE_WINDOW_S = 60;

/** What of a manager is measured. */
export type MetricsSource = Pick<ManagerApi, "list" | "stats" | "jobs" | "ready">;

/** Prometheus text of all clusters, made anew at each scrape from what the manager says. */
export class Metrics {
  private rates: { at: number; rows: Promise<Map<string, StatsRow[]>> } | null = null;

  constructor(private readonly manager: MetricsSource) {}

  /** Of the clusters that the asker may see. */
  async text(sees: (cluster: Pick<ClusterView, "id" | "name">) => boolean): Promise<{ contentType: string; body: string }> {
    const registry = new Registry();
    const [all, allJobs, { ready }] = await Promise.all([this.manager.list(), this.manager.jobs(), this.manager.ready()]);
    const clusters = all.filter(sees);
    const jobs = allJobs.filter(({ cluster, clusterName }) => sees({ id: cluster, name: clusterName }));
    const names = new Set(clusters.map(({ name }) => name));
    const gauge = (name: string, help: string, labelNames: string[] = ["cluster"]) =>
      new Gauge({ name: `oplog_${name}`, help, labelNames, registers: [registry] });
    const perCluster = (name: string, help: string, value: (cluster: ClusterView) => number | null) => {
      const series = gauge(name, help);
      for (const cluster of clusters) {
        const is = value(cluster);
        // A figure that is not known is left out: 0 would say that all is well.
        if (is !== null) series.set({ cluster: cluster.name }, is);
      }
    };
    gauge("ready", "1 when every collector that should run is healthy", []).set(ready ? 1 : 0);
    perCluster("up", "1 while the collector runs", ({ state }) => (state === "running" ? 1 : 0));
    perCluster("desired", "1 when the collector should run", ({ desired }) => (desired === "running" ? 1 : 0));
    perCluster("lag_seconds", "From the newest moment known to be covered to now", ({ lagMs }) => lagMs && lagMs / 1000);
    perCluster("headroom_seconds", "Until our position leaves the source's oplog", ({ headroomMs }) =>
      headroomMs === null ? null : headroomMs / 1000,
    );
    perCluster("events_per_second", "Events stored", ({ eventsPerSecond }) => eventsPerSecond);
    perCluster("bytes_per_second", "BSON bytes of events stored", ({ bytesPerSecond }) => bytesPerSecond);
    perCluster("stored_bytes", "What the store keeps", ({ storedBytes }) => storedBytes);
    perCluster("gaps", "Ranges that are known to be missing", ({ log }) => log?.gaps ?? null);
    const uncarried = gauge("uncarried_namespaces", "Namespaces of which not every change is in the log, by what they are", [
      "cluster",
      "kind",
    ]);
    for (const { name, captureReport } of clusters)
      for (const { kind, count, missing } of captureReport?.findings ?? [])
        if (missing && count !== null) uncarried.set({ cluster: name, kind }, count);
    perCluster(
      "capture_complete",
      "1 when the log gets every change that it is for",
      ({ captureReport }) => captureReport && (captureReport.complete ? 1 : 0),
    );
    perCluster("restarts", "Crashes of the collector lately", ({ restarts }) => restarts);
    perCluster("last_durable_timestamp_seconds", "Cluster time up to which everything is in the log", ({ coveredTo }) =>
      coveredTo === null ? null : Number(coveredTo.split(",")[0]),
    );
    const state = gauge("state", "1 for the state that the collector is in", ["cluster", "state"]);
    for (const cluster of clusters) state.set({ cluster: cluster.name, state: cluster.state }, 1);
    const verified = gauge("verify_success", "1 when the last check of the log found it whole");
    for (const [cluster, job] of lastVerifications(jobs))
      verified.set({ cluster }, (job.result as { ok?: boolean } | null)?.ok === true ? 1 : 0);
    const byOperation = gauge("operation_events_per_second", "Events stored, by operation", ["cluster", "operation"]);
    for (const [cluster, rows] of await this.currentRates(all)) {
      if (!names.has(cluster)) continue;
      for (const { operation, events } of rows) byOperation.inc({ cluster, operation }, events / RATE_WINDOW_S);
    }
    return { contentType: registry.contentType, body: await registry.metrics() };
  }

  private currentRates(clusters: ClusterView[]): Promise<Map<string, StatsRow[]>> {
    const now = Date.now();
    if (!this.rates || now - this.rates.at > RATES_KEPT_MS) this.rates = { at: now, rows: this.readRates(clusters, now) };
    return this.rates.rows;
  }

  private async readRates(clusters: ClusterView[], now: number): Promise<Map<string, StatsRow[]>> {
    const from = new Date(now - RATE_WINDOW_S * 1000).toISOString();
    const rates = new Map<string, StatsRow[]>();
    for (const { id, name, state } of clusters) {
      if (state !== "running") continue;
      const rows = await this.manager.stats(id, { from, buckets: 1 }).catch(() => null); // its store is away: its lag says so
      if (rows) rates.set(name, rows);
    }
    return rates;
  }
}

/** The newest ended verification of each cluster; jobs come newest first. */
function lastVerifications(jobs: Job[]): Map<string, Job> {
  const last = new Map<string, Job>();
  for (const job of jobs)
    if (job.kind === "verify" && job.state !== "running" && job.state !== "cancelled" && !last.has(job.clusterName))
      last.set(job.clusterName, job);
  return last;
}
