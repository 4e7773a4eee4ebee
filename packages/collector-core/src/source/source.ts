import type { Batch } from "../batch.js";
import type { CaptureReport } from "../capture-report/capture-report.js";
import type { ClusterTime } from "../cluster-time.js";
import type { Position } from "../position.js";
import type { EventFormat, SourceIdentity } from "../segment.js";

/** Where capture begins: `after` is a stored position, the others are for a log that has none yet. */
export type StartPoint =
  | { kind: "now" }
  | { kind: "oldest" }
  /** The first event captured is the first one after this cluster time. */
  | { kind: "time"; after: ClusterTime }
  | {
      kind: "after";
      position: Position;
      /** Where the log is complete: behind the position while transactions are open, whose entries the raw oplog then looks at again. */
      coveredTo: ClusterTime;
      /** Find the place by cluster time, for a token that this stream's pipeline does not know; what is at or before the position is dropped. */
      byTime?: boolean;
    };

/** An open stream of batches. It ends only by an error, or quietly when its signal aborts. */
export interface EventStream extends AsyncIterable<Batch> {
  /** Where it begins, known before the first event: it is made durable before the collector says `running`. */
  readonly position: Position;
  readonly coveredTo: ClusterTime;
  /** What this way of capture can't carry on this server, in sentences for the operator. */
  readonly notes: string[];
  /** What of all that the source holds now it carries; throws what a connection throws. */
  report(): Promise<CaptureReport>;
  /** Releases the server's cursor. */
  close(): Promise<void>;
}

/** What of its own history the source still has. */
export type OplogWindow =
  | {
      oldest: ClusterTime;
      newest: ClusterTime;
      /** What its oplog holds and may hold before the oldest entries go, in bytes; absent when we may not ask. */
      size?: { bytes: number; maxBytes: number };
    }
  | { unknown: string };

/** The MongoDB deployment (or one database of it) that is captured. */
export interface Source {
  /** `change-event` or `oplog-entry`: what its batches hold. */
  readonly format: EventFormat;
  /** Which deployment answers, and that it can be captured; throws `SOURCE_UNSUITABLE` otherwise. Called before each first open. */
  identify(): Promise<SourceIdentity>;
  /** Opens at the point asked for; throws what `classifySourceError` can read. */
  open(start: StartPoint, signal: AbortSignal): Promise<EventStream>;
  /** The newest cluster time of the source: what a stall is measured against. */
  newest(): Promise<ClusterTime>;
  oplogWindow(): Promise<OplogWindow>;
  /** The server processes that answer, to see whether the store is among them. */
  processIds(): Promise<string[]>;
  close(): Promise<void>;
}
