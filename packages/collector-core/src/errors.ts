import type { ClusterTime } from "./cluster-time.js";

/** What went wrong, in one word that callers and scripts can branch on. */
export type OplogErrorCode =
  /** The source's oplog no longer holds our position. */
  | "HISTORY_LOST"
  /** Another writer holds this log, or has taken the next segment number. */
  | "FENCED"
  /** The log was begun on another deployment than the one behind the URI. */
  | "SOURCE_MISMATCH"
  /** The source can't be captured: no replica set, too old, no privilege, captures its own store. */
  | "SOURCE_UNSUITABLE"
  /** Source, store or target refused the user name or password. */
  | "LOGIN_REFUSED"
  /** Source or store did not answer within the retries allowed. */
  | "UNREACHABLE"
  /** A name, time, URI or option that can't be used. */
  | "BAD_INPUT"
  /** The stored log is not what was written: a hash, a number or the chain is wrong. */
  | "DAMAGED"
  /** The asked-for range is not covered by the log. */
  | "OUTSIDE_COVERAGE"
  /** The store refused or lost what it must keep. */
  | "STORE_FAILED"
  /** One event is too large for the change stream to deliver. */
  | "EVENT_TOO_LARGE"
  /** The target holds user data. */
  | "TARGET_NOT_EMPTY"
  /** There is no cluster, job or segment of that name. */
  | "NOT_FOUND"
  /** Whoever asks may not do this. */
  | "FORBIDDEN"
  /** It is so already, or another one has that name. */
  | "CONFLICT"
  /** The server refused a restored operation. */
  | "APPLY_FAILED";

/** The one error class of the packages: a sentence, a code, what caused it, and what to do. */
export class OplogError extends Error {
  override readonly name = "OplogError";

  constructor(
    readonly code: OplogErrorCode,
    message: string,
    /** `goOnAfter`: everything after this cluster time can be captured, if what is up to there may be missing. */
    readonly details: { cause?: unknown; hint?: string; goOnAfter?: ClusterTime } = {},
  ) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
  }

  /** What the reader can do about it, as a sentence. */
  get hint(): string | undefined {
    return this.details.hint;
  }
}

export const isOplogError = (error: unknown, code?: OplogErrorCode): error is OplogError =>
  error instanceof OplogError && (code === undefined || error.code === code);
