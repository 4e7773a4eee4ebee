import type { CollectorState, PrintedStatus, StatusError } from "@oplog-collector/collector-core";
import type { LogSummary } from "./log-summary.js";
import type { Registration } from "./registration.js";

/** What the operator wants of a cluster's collector. */
export type Desired = "running" | "stopped";

/** What the owner has to do once before anything else. */
export type TaskKind = "reset" | "remove" | "remove-keep-data";

export interface Task {
  kind: TaskKind;
  /** Of the wish that asked for it: later wishes do not take it back. */
  generation: number;
}

/** What the owner last said of the collector. */
export interface ClusterStatus {
  state: CollectorState;
  /** Of which generation this state is. */
  generation: number;
  /** The lease under which it was said. */
  fence: number;
  pid: number | null;
  node: string | null;
  report: PrintedStatus | null;
  error: StatusError | null;
  /** How often the collector has crashed lately. */
  restarts: number;
  eventsPerSecond: number | null;
  bytesPerSecond: number | null;
  at: Date;
}

/** A registered cluster as the programs see it: with its secrets. */
export interface Cluster extends Registration {
  id: string;
  /** The two URIs as anyone may see them. */
  redacted: { connectionString: string; storeUri: string };
  /** Why its secrets can't be read; the URIs are empty then. */
  locked: StatusError | null;
  desired: Desired;
  /** Grows with each wish of the operator; what ended in an error stays so until it grows. */
  generation: number;
  task: Task | null;
  /** Go on over a gap at the next start. */
  acceptGap: boolean;
  status: ClusterStatus;
  log: LogSummary | null;
  /** When something else than its collector last wrote to its log: a base snapshot, by whichever node. */
  logChangedAt?: Date;
  createdAt: Date;
  updatedAt: Date;
}

/** These need the operator: starting again by itself would hide what happened, or repeat it for ever. */
export const HALTED: readonly CollectorState[] = [
  "error",
  "error_max_retries_reached",
  "error_resume_token_lost",
  "error_stopped_unexpectedly",
];
