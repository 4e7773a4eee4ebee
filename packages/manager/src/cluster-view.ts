import type { CaptureReport, CollectorState, StatusError } from "@oplog-collector/collector-core";
import type { Cluster, Desired } from "./cluster.js";
import type { LogSummary } from "./log-summary.js";
import type { Registration } from "./registration.js";
import { shownState } from "./shown-state.js";

/** A cluster as anyone may see it: no secret in it. */
export interface ClusterView extends Omit<Registration, "connectionString" | "storeUri" | "autoStart"> {
  id: string;
  /** Without user and password. */
  connectionString: string;
  storeUri: string;
  desired: Desired;
  state: CollectorState;
  pid: number | null;
  /** The server that runs it. */
  node: string | null;
  firstEventAt: string | null;
  lastEventAt: string | null;
  /** Everything up to this cluster time is in the log. */
  coveredTo: string | null;
  lagMs: number | null;
  /** The lag is above the cluster's own threshold, or unknown though it should run. */
  lagWarning: boolean;
  headroomMs: number | null;
  headroomUnknown: string | null;
  eventsPerSecond: number | null;
  bytesPerSecond: number | null;
  /** Of this run of the collector. */
  events: number;
  storedBytes: number | null;
  /** How the collector really captures, and what that way can't carry. */
  captureInUse: string | null;
  notes: string[];
  /** What of all that the source holds is in the log, as the collector last saw it; null before it has looked. */
  captureReport: CaptureReport | null;
  error: StatusError | null;
  /** Crashes of the collector lately. */
  restarts: number;
  /** What the log holds, read now and then. */
  log: LogSummary | null;
  createdAt: string;
  updatedAt: string;
}

export function viewOf(cluster: Cluster, owner: string | null, now = Date.now()): ClusterView {
  const { status, log, redacted, createdAt, updatedAt } = cluster;
  const { state, error, live } = shownState(cluster, owner);
  const report = live ? status.report : null;
  // Also when it has ended since: what it stored is there.
  const said = status.report;
  const coveredTo = said?.coveredTo ?? log?.coveredTo?.clusterTime ?? null;
  const lagMs = report?.lagMs ?? lagOf(coveredTo, now);
  const { id, name, database, capture, startFrom, retention, snapshotEveryHours, rpoMs, lagWarningMs, maxRetries, desired } = cluster;
  return {
    ...{ id, name, database, capture, startFrom, retention, snapshotEveryHours, rpoMs, lagWarningMs, maxRetries, desired, state, error },
    ...redacted,
    pid: live ? status.pid : null,
    node: owner,
    firstEventAt: log?.firstEventAt ?? null,
    lastEventAt: said?.lastEventAt ?? log?.lastEventAt ?? null,
    coveredTo,
    lagMs,
    lagWarning: desired === "running" && (lagMs === null || lagMs > lagWarningMs),
    headroomMs: report?.headroomMs ?? null,
    headroomUnknown: report?.headroomUnknown ?? null,
    eventsPerSecond: live ? status.eventsPerSecond : null,
    bytesPerSecond: live ? status.bytesPerSecond : null,
    events: report?.events ?? 0,
    storedBytes: log?.storedBytes ?? null,
    captureInUse: report?.capture ?? null,
    notes: report?.notes ?? [],
    // Also of one that has ended. Absent in what an older collector said.
    captureReport: said?.captureReport ?? null,
    restarts: status.restarts,
    log,
    createdAt: createdAt.toISOString(),
    updatedAt: updatedAt.toISOString(),
  };
}

/** Of a collector that does not run: it grows with the time since what is covered. */
function lagOf(coveredTo: string | null, now: number): number | null {
  const seconds = Number(coveredTo?.split(",")[0]);
  return coveredTo === null ? null : Math.max(0, now - seconds * 1000);
}
