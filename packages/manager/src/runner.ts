import type { CaptureMode, PrintedStatus, StatusError } from "@oplog-collector/collector-core";
import type { LogRotation } from "./log-file.js";

/** All that a collector needs to run: with secrets, so it is handed over in memory or through a pipe, never by arguments or environment. */
export interface RunSpec {
  name: string;
  connectionString: string;
  storeUri: string;
  database: string | null;
  capture: CaptureMode;
  startFrom: string;
  acceptGap: boolean;
  rpoMs: number;
  /** Null: no limit. */
  maxRetries: number | null;
  logFile: string | null;
  logLevel: string;
  logRotation: LogRotation;
}

/** How a run ended: by itself with a last status, or without a word. */
export type RunEnd = { kind: "ended"; status: PrintedStatus } | { kind: "crashed"; error: StatusError };

/** A collector that was started. */
export interface RunningCollector {
  /** Our own when it shares our process; null when none could be started. */
  readonly pid: number | null;
  /** Resolves once, whatever happens. */
  readonly ended: Promise<RunEnd>;
  /** Asks it to seal, store and end. */
  stop(): void;
  /** Ends it at once. Nothing durable is lost by it. */
  kill(): void;
}

/** Runs collectors. Every collector reports at each change and at least each `REPORT_INTERVAL_MS`. */
export interface Runner {
  start(spec: RunSpec, onReport: (status: PrintedStatus) => void): RunningCollector;
}

/** Often enough that a hung collector is known soon, seldom enough for hundreds. */
export const REPORT_INTERVAL_MS = 3_000;
