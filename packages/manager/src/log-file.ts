import { mkdirSync } from "node:fs";
import { basename, dirname } from "node:path";
import { redact } from "@oplog-collector/collector-core";
import { type Logger, pino } from "pino";
import { createStream } from "rotating-file-stream";

/** When a log file is put aside, and how many of those are kept: as `name.log.1` (the newest), `name.log.2` and so on. */
export interface LogRotation {
  maxBytes: number;
  backups: number;
}

/** As the original had it: enough for months of a calm collector, and at most 1.1 GB each. */
export const DEFAULT_LOG_ROTATION: LogRotation = { maxBytes: 100 * 1024 * 1024, backups: 10 };

/** A log that ends with `close`, so that nothing written is lost. */
export interface OpenLog {
  logger: Logger;
  close(): Promise<void>;
}

/** JSON lines into a file that is rotated by size; silent without a file. Every line passes the redaction of secrets. */
export function openLog(file: string | null, level: string, { maxBytes, backups }: LogRotation = DEFAULT_LOG_ROTATION): OpenLog {
  if (!file) return { logger: pino({ enabled: false }), close: async () => {} };
  mkdirSync(dirname(file), { recursive: true });
  const stream = createStream(basename(file), { path: dirname(file), size: `${maxBytes}B`, rotate: backups });
  // A full disk must not end the collector: it loses log lines, not events.
  stream.on("error", () => {});
  const logger = pino({ level: pinoLevel(level), hooks: { streamWrite: redact } }, stream);
  return { logger, close: () => new Promise((resolve) => stream.end(() => resolve())) };
}

/** The names of the original (`WARNING`, `CRITICAL`) work as well. */
export function pinoLevel(given: string): string {
  const level = given.toLowerCase();
  const renamed = { warning: "warn", critical: "fatal" }[level] ?? level;
  return Object.hasOwn(pino.levels.values, renamed) ? renamed : "info";
}

/** `oplog_collector_<cluster>.log` */
export const collectorLogName = (cluster: string): string => `oplog_collector_${cluster}.log`;
