import { type ClusterTime, formatClusterTime } from "../cluster-time.js";
import type { StatusError } from "../status.js";
import { type ForwardPosition, type PrintedForwardPosition, printForwardPosition } from "./forward-position.js";

export type ForwardState = "starting" | "running" | "retrying_connection" | "stopped" | "error";

/** All that a forwarder says of itself. */
export interface ForwardStatus {
  state: ForwardState;
  pid: number;
  /** Where it publishes to, without credentials. */
  target: string;
  /** The end of what is published. */
  position: ForwardPosition | null;
  /** Everything of the log up to here is published. */
  publishedTo: ClusterTime | null;
  /** Milliseconds from that moment to now; null before anything is. */
  lagMs: number | null;
  /** Events, their BSON bytes and gaps, since the start of this run. */
  events: number;
  bytes: number;
  gaps: number;
  error: StatusError | null;
}

/** The status as JSON. */
export interface PrintedForwardStatus extends Omit<ForwardStatus, "position" | "publishedTo"> {
  position: PrintedForwardPosition | null;
  publishedTo: string | null;
}

export const printForwardStatus = (status: ForwardStatus): PrintedForwardStatus => ({
  ...status,
  position: status.position && printForwardPosition(status.position),
  publishedTo: status.publishedTo === null ? null : formatClusterTime(status.publishedTo),
});

export const initialForwardStatus = (target: string): ForwardStatus => ({
  state: "starting",
  pid: process.pid,
  target,
  position: null,
  publishedTo: null,
  lagMs: null,
  events: 0,
  bytes: 0,
  gaps: 0,
  error: null,
});
