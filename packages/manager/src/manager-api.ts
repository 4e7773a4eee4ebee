import type { CaptureMode, Coverage, DoctorCheck, PrintedPosition } from "@oplog-collector/collector-core";
import type { RestorePlan, Snapshot } from "@oplog-collector/restore";
import type { ClusterView } from "./cluster-view.js";
import type { Job } from "./jobs.js";
import type { RecentFigures } from "./recent-figures.js";
import type { RegistrationChange, RegistrationInput } from "./registration.js";
import type { KeyRotation } from "./registry.js";
import type { UnusualMoment } from "./unusual-moments.js";

export type { UnusualMoment };

/** One event for the event browser. */
export interface EventRow {
  position: PrintedPosition;
  format: "change-event" | "oplog-entry";
  operation: string;
  namespace: string;
  /** The whole event as canonical Extended JSON. */
  event: string;
}

export interface EventFilter {
  /** Exclusive; any TIME of the command line. */
  from?: string;
  /** Inclusive. */
  to?: string;
  ns?: string;
  op?: string;
  /** Extended JSON of the document's `_id`. */
  id?: string;
  limit?: number;
  /** The newest event first. @default false */
  newestFirst?: boolean;
  /** Of the page before. */
  cursor?: string;
}

export interface StatsRow {
  /** Start of the bucket. */
  at: string;
  namespace: string;
  operation: string;
  events: number;
}

export interface RestoreRequest {
  to: string;
  target: string;
  ns?: string[];
  excludeNs?: string[];
  rename?: string[];
  lanes?: number;
  force?: boolean;
  resume?: boolean;
}

/** What a log covers, with the base snapshots that it can be restored from. */
export interface LogCoverage extends Coverage {
  snapshots: Snapshot[];
}

export type ManagerEvent = { kind: "cluster"; cluster: ClusterView } | { kind: "cluster-removed"; id: string } | { kind: "job"; job: Job };

/** All that a portal needs: what `createApi` serves over HTTP. An id may also be a cluster's name. */
export interface ManagerApi {
  /** A view is never changed: while nothing of a cluster changes it is the same object each time, when something does another one. */
  list(): Promise<ClusterView[]>;
  get(id: string): Promise<ClusterView>;
  register(input: RegistrationInput): Promise<ClusterView>;
  change(id: string, change: RegistrationChange): Promise<ClusterView>;
  /** Stops it, wipes its log (unless `keepData`), deletes the registration. */
  remove(id: string, options?: { keepData?: boolean }): Promise<void>;
  /** `CONFLICT` when it is so already. */
  start(id: string, options?: { acceptGap?: boolean }): Promise<ClusterView>;
  stop(id: string): Promise<ClusterView>;
  /** Stops it, wipes its log, starts from now. */
  reset(id: string): Promise<ClusterView>;
  /** Rates and lags of the last minutes, as far as this node has watched. */
  recent(): Promise<RecentFigures[]>;
  coverage(id: string): Promise<LogCoverage>;
  events(id: string, filter: EventFilter): Promise<{ rows: EventRow[]; cursor: string | null }>;
  stats(id: string, options: { from?: string; to?: string; buckets?: number }): Promise<StatsRow[]>;
  /** Drops, mass deletes and spikes: what people look for when they want to go back. */
  moments(id: string): Promise<UnusualMoment[]>;
  logs(id: string, lines: number): Promise<string[]>;
  /** Checks a source and a store before they are registered. */
  doctor(input: { connectionString: string; storeUri?: string; database?: string | null; capture?: CaptureMode }): Promise<DoctorCheck[]>;
  snapshot(id: string): Promise<Job>;
  verify(id: string): Promise<Job>;
  restore(id: string, request: RestoreRequest): Promise<Job>;
  /** What the restore would do. */
  plan(id: string, request: RestoreRequest): Promise<RestorePlan>;
  jobs(cluster?: string): Promise<Job[]>;
  job(id: string): Promise<Job>;
  cancelJob(id: string): Promise<Job>;
  /** Calls the listener at each change anywhere; returns the function that ends it. */
  subscribe(listener: (event: ManagerEvent) => void): () => void;
  /** Encrypts with the newest key what is encrypted with an older one; `CONFLICT` while a server without that key runs. */
  rotateKey(): Promise<KeyRotation>;
  /** Every collector that should run is healthy; else why not. */
  ready(): Promise<{ ready: boolean; reasons: string[] }>;
}
