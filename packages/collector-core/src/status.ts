import type { CaptureReport } from "./capture-report/capture-report.js";
import { type ClusterTime, formatClusterTime } from "./cluster-time.js";
import { type Position, type PrintedPosition, printPosition } from "./position.js";

/** The states of a collector; the manager adds those of its own doing. */
export type CollectorState =
  | "starting"
  | "running"
  | "stopping"
  | "stopped"
  | "retrying_connection"
  | "error"
  | "error_max_retries_reached"
  | "error_resume_token_lost"
  | "error_stopped_unexpectedly"
  | "resetting_oplog_store";

/** Why a collector is not well: what happened, and what to do. */
export interface StatusError {
  code: string;
  message: string;
  hint?: string;
  /** Which try this is, while it is retrying. */
  attempt?: number;
}

/** All that a collector says of itself. */
export interface CollectorStatus {
  state: CollectorState;
  pid: number;
  /** The end of what is durable. */
  position: Position | null;
  /** The source's clock at the newest stored event. */
  lastEventAt: Date | null;
  /** Everything up to here is in the log and can be restored. */
  coveredTo: ClusterTime | null;
  /** Milliseconds from the newest moment known to be covered to now; null before anything is. */
  lagMs: number | null;
  /** Milliseconds until our position leaves the source's oplog; null with the reason in `headroomUnknown`. */
  headroomMs: number | null;
  headroomUnknown: string | null;
  /** Events, their BSON bytes and the bytes that the store took for them, since the start of this run. */
  events: number;
  bytes: number;
  storedBytes: number;
  /** How the source is captured, and what that way can't carry. */
  capture: string | null;
  notes: string[];
  /** What of all that the deployment holds is carried, and what is not; null before it was looked at. */
  captureReport: CaptureReport | null;
  error: StatusError | null;
}

/** The status as JSON: on the command line, between processes, in the API. */
export interface PrintedStatus extends Omit<CollectorStatus, "position" | "coveredTo" | "lastEventAt"> {
  position: PrintedPosition | null;
  lastEventAt: string | null;
  coveredTo: string | null;
}

export const printStatus = (status: CollectorStatus): PrintedStatus => ({
  ...status,
  position: status.position && printPosition(status.position),
  lastEventAt: status.lastEventAt?.toISOString() ?? null,
  coveredTo: status.coveredTo === null ? null : formatClusterTime(status.coveredTo),
});

/** Whoever wants to know: called at each change, with a complete new status. The manager's reporter is one of these. */
export type StatusListener = (status: CollectorStatus) => void;

/** Holds the status, tells the listeners. */
export class StatusBoard {
  private listeners = new Set<StatusListener>();

  constructor(private status: CollectorStatus) {}

  get current(): CollectorStatus {
    return this.status;
  }

  update(change: Partial<CollectorStatus>): void {
    this.status = { ...this.status, ...change };
    for (const listener of this.listeners) listener(this.status);
  }

  /** Returns the function that ends the subscription. */
  subscribe(listener: StatusListener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}

export const initialStatus = (pid: number): CollectorStatus => ({
  state: "starting",
  pid,
  position: null,
  lastEventAt: null,
  coveredTo: null,
  lagMs: null,
  headroomMs: null,
  headroomUnknown: null,
  events: 0,
  bytes: 0,
  storedBytes: 0,
  capture: null,
  notes: [],
  captureReport: null,
  error: null,
});
