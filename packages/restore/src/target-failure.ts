import { isOplogError } from "@oplog-collector/collector-core";
import { MongoError, MongoNetworkError, MongoServerSelectionError } from "mongodb";
import { TargetChanged } from "./target-term.js";

/** Codes of a server that is stepping down, shutting down or starting: another one, or the same one later, will take the write. */
const NOT_NOW = new Set([
  6, // HostUnreachable
  7, // HostNotFound
  89, // NetworkTimeout
  91, // ShutdownInProgress
  112, // WriteConflict, outside a transaction
  134, // ReadConcernMajorityNotAvailableYet
  189, // PrimarySteppedDown
  262, // ExceededTimeLimit
  9001, // SocketException
  10058, // LegacyNotPrimary
  10107, // NotWritablePrimary
  11600, // InterruptedAtShutdown
  11602, // InterruptedDueToReplStateChange
  13435, // NotPrimaryNoSecondaryOk
  13436, // NotPrimaryOrSecondary
  64, // WriteConcernTimeout
]);

/** Whether the same can succeed later without anyone's doing: by code and class, never by the text of the message. */
export function isPassing(error: unknown): boolean {
  if (error instanceof TargetChanged || error instanceof MongoNetworkError || error instanceof MongoServerSelectionError) return true;
  if (isOplogError(error)) return isPassing((error as Error).cause);
  if (!(error instanceof MongoError)) return false;
  return NOT_NOW.has(Number(error.code)) || error.hasErrorLabel("RetryableWriteError") || error.name === "MongoPoolClearedError";
}
