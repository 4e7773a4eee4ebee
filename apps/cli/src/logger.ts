import { OplogError } from "@oplog-collector/collector-core";
import { type Logger, pino } from "pino";

/** Pino's levels, and the names by which other logging systems know them. */
const LEVELS: Record<string, string> = {
  trace: "trace",
  debug: "debug",
  info: "info",
  warn: "warn",
  warning: "warn",
  error: "error",
  fatal: "fatal",
  critical: "fatal",
  silent: "silent",
  off: "silent",
};

/** Logs as JSON lines to `write` (stderr unless told), at the level of OPLOG_LOG_LEVEL. */
export function makeLogger(write: (line: string) => void = (line) => void process.stderr.write(line)): Logger {
  const given = process.env.OPLOG_LOG_LEVEL?.trim().toLowerCase() || "info";
  const level = Object.hasOwn(LEVELS, given) ? LEVELS[given] : undefined;
  if (level === undefined)
    throw new OplogError("BAD_INPUT", `OPLOG_LOG_LEVEL is ${JSON.stringify(given.slice(0, 40))}, which is no log level`, {
      hint: "Use trace, debug, info, warn, error, fatal or silent.",
    });
  return pino(
    { level, base: { pid: process.pid }, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: (label) => ({ level: label }) } },
    { write },
  );
}
