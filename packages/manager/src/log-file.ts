import { mkdirSync } from "node:fs";
import { basename, dirname } from "node:path";
import { redact } from "@oplog-collector/collector-core";
import { type Logger, pino } from "pino";
import { createStream } from "rotating-file-stream";

/** As the original had it: 100 MB a file, 10 old ones kept as `name.log.1` to `name.log.10`. */
const ROTATE_SIZE = "100M";
const KEPT_FILES = 10;

/** A log that ends with `close`, so that nothing written is lost. */
export interface OpenLog {
  logger: Logger;
  close(): Promise<void>;
}

/** JSON lines into a file that is rotated by size; silent without a file. Every line passes the redaction of secrets. */
export function openLog(file: string | null, level: string): OpenLog {
  if (!file) return { logger: pino({ enabled: false }), close: async () => {} };
  mkdirSync(dirname(file), { recursive: true });
  const stream = createStream(basename(file), { path: dirname(file), size: ROTATE_SIZE, rotate: KEPT_FILES });
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
