import { describeError, networkCode } from "./describe-error.js";
import { OplogError } from "./errors.js";
import { classifySourceError, codeOf } from "./source/classify-error.js";
import type { Side } from "./trouble.js";

const UNAUTHORIZED = 13;
const LOGIN_CODES = new Set([18, 8000]); // AuthenticationFailed, AtlasError

const MISSING_RIGHT: Record<Side, string> = {
  source:
    "Grant it readAnyDatabase (to capture everything) or read on the one database that is captured (--database); clusterMonitor as well for headroom and the raw oplog.",
  store: "Grant it readWrite on the store's database.",
};

/** What trying again can't mend, as a sentence that says which side it is about and what to do. */
export function refusal(side: Side, error: unknown): OplogError {
  if (error instanceof OplogError) return error;
  if (isLoginRefused(error)) return loginRefused(side, error);
  if (codeOf(error) === UNAUTHORIZED)
    return new OplogError(side === "source" ? "SOURCE_UNSUITABLE" : "STORE_FAILED", `The ${side}'s user may not ${whatWasRefused(error)}`, {
      cause: error,
      hint: MISSING_RIGHT[side],
    });
  const { message, hint } = describeError(error);
  if (networkCode(error) === "ENOTFOUND")
    return new OplogError(side === "source" ? "SOURCE_UNSUITABLE" : "STORE_FAILED", `A host of the ${side}'s URI is unknown: ${message}`, {
      cause: error,
      hint,
    });
  const kind = side === "source" ? classifySourceError(error) : "fatal";
  if (kind === "history-lost")
    return new OplogError("HISTORY_LOST", "The source's oplog does not reach back to where the log is to begin", {
      cause: error,
      hint: "Begin as early as it reaches (--from oldest), or now; give the source a larger oplog.",
    });
  if (kind === "too-large")
    return new OplogError("EVENT_TOO_LARGE", `One event is too large to be delivered: ${message}`, { cause: error, hint });
  const failed = networkCode(error) ? "does not answer" : "failed";
  return new OplogError("UNREACHABLE", `The ${side} ${failed}: ${message}`, { cause: error, hint });
}

export const isLoginRefused = (error: unknown): boolean => LOGIN_CODES.has(codeOf(error) ?? 0);

export const loginRefused = (what: string, cause: unknown): OplogError =>
  new OplogError("LOGIN_REFUSED", `The ${what} refused the user name or password of its URI`, {
    cause,
    hint: 'Check both, and the option authSource: the database in which the user was created, often "admin".',
  });

/** The server repeats the whole command, with the cluster's signature; what and where is enough. */
function whatWasRefused(error: unknown): string {
  const [, database, command] = /not authorized on (\S+) to execute command \{ (\w+)/.exec((error as Error).message) ?? [];
  return command ? `run ${command} on the database ${database}` : "do this";
}
