import type { PrintedPosition } from "@oplog-collector/collector-core";

/** What a cluster's log holds, so that not everyone who looks has to read it again. */
export interface LogSummary {
  firstEventAt: string | null;
  lastEventAt: string | null;
  coveredFrom: PrintedPosition | null;
  coveredTo: PrintedPosition | null;
  /** The newest of each, as a thin timeline shows them: wall times. */
  timelines: { from: string; to: string }[];
  holes: { from: string; to: string; cause: string }[];
  restorableFrom: string[];
  gaps: number;
  snapshots: number;
  /** When the newest base snapshot was complete. */
  newestSnapshotAt: string | null;
  segments: number;
  events: number;
  bytes: number;
  /** Of the log and its base snapshots. */
  storedBytes: number;
  /** When this was read. */
  at: string;
}
