import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import type { Db } from "mongodb";
import type { Logger } from "pino";
import type { LogRotation } from "./log-file.js";
import type { Runner } from "./runner.js";
import type { SecretBox } from "./secrets.js";

export interface ManagerOptions {
  /** The metadata database; or its URI (with the database in its path, `oplog_collector` without), for a connection of our own. */
  db?: Db;
  metadataUri?: string;
  /** Encrypts the connection strings in it. */
  secrets: SecretBox;
  /** @default `process`: a child process a collector */
  runner?: "process" | "in-process" | Runner;
  /** Where the collectors' log files go. @default null: none are written */
  logDir?: string | null;
  /** Of the collectors' log files. @default info */
  logLevel?: string;
  /** @default 100 MB a file, 10 old ones kept */
  logRotation?: LogRotation;
  /** What this server is called; no two may have the same name at the same time. @default host, process id and a random part */
  node?: string;
  /** Of the manager itself. @default silent */
  logger?: Logger;
}

/** Two containers may have the same host name and process id. */
export const defaultNodeName = (): string => `${hostname()}-${process.pid}-${randomBytes(3).toString("hex")}`;
