import { isOplogError } from "../errors.js";

/**
 * What an error of the source means for the capture:
 * - `resume`: reopen after the last position in hand; the first time at once, then with growing pauses.
 * - `restart-at-time`: the token's event is not in *this* pipeline (flags or filter changed): reopen at its cluster time and drop what is stored already.
 * - `history-lost`: the position is no longer in the oplog.
 * - `too-large`: one event does not fit the server's reply.
 * - `fatal`: trying again can't help.
 */
export type SourceErrorClass = "resume" | "restart-at-time" | "history-lost" | "too-large" | "fatal";

const HISTORY_LOST = 286; // ChangeStreamHistoryLost
const STREAM_FATAL = 280; // ChangeStreamFatalError: "resume token was not found", which is not a loss
const TOO_LARGE_CODES = new Set([
  10334, // BSONObjectTooLarge
  7182500, // an event of which not even the fragments fit: its token alone, or one field, is too large
]);

/** Trying again with the same rights, the same command or the same token gives the same answer. */
const FATAL_CODES = new Set([
  9, // FailedToParse: a malformed token
  13, // Unauthorized
  15, // Overflow: a malformed token
  18, // AuthenticationFailed
  72, // InvalidOptions
  73, // InvalidNamespace
  323, // APIStrictError
  8000, // AtlasError: authentication
  40324, // unknown pipeline stage
  40415, // unknown field
  40573, // $changeStream only on replica sets
]);

export const codeOf = (error: unknown): number | undefined => {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === "number" ? code : undefined;
};

const hasLabel = (error: unknown, label: string): boolean => {
  const labels = (error as { errorLabels?: unknown } | null)?.errorLabels;
  return Array.isArray(labels) && labels.includes(label);
};

/** By code and label, never by the text of the message. */
export function classifySourceError(error: unknown): SourceErrorClass {
  if (isOplogError(error)) {
    if (error.code === "HISTORY_LOST") return "history-lost";
    if (error.code === "EVENT_TOO_LARGE") return "too-large";
    return error.code === "UNREACHABLE" ? "resume" : "fatal";
  }
  const code = codeOf(error);
  if (code === HISTORY_LOST) return "history-lost";
  if (code === STREAM_FATAL) return "restart-at-time";
  if (code !== undefined && TOO_LARGE_CODES.has(code)) return "too-large";
  if (hasLabel(error, "ResumableChangeStreamError")) return "resume";
  // 136 CappedPositionLost carries no label: reopening tells whether the position is gone (286). Likewise network errors, 43, 237, 11601 and
  // what a server in trouble answers: only the codes that can't change are final.
  if (hasLabel(error, "NonResumableChangeStreamError")) return "history-lost";
  if (code !== undefined && FATAL_CODES.has(code)) return "fatal";
  if (error instanceof TypeError || error instanceof RangeError) return "fatal";
  return "resume";
}

/** Store errors that trying again can't mend: another writer, a damaged log, a refused login. */
export const isFatalStoreError = (error: unknown): boolean =>
  isOplogError(error)
    ? error.code !== "STORE_FAILED" && error.code !== "UNREACHABLE"
    : codeOf(error) !== undefined && STORE_FATAL_CODES.has(codeOf(error)!);

const STORE_FATAL_CODES = new Set([13, 18, 8000]); // Unauthorized, AuthenticationFailed, AtlasError
