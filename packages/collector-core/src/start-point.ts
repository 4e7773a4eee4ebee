import { type ClusterTime, formatClusterTime, secondsOf } from "./cluster-time.js";
import { OplogError } from "./errors.js";
import type { OplogWindow, StartPoint } from "./source/source.js";

/** Clocks differ by so much without anyone having meant the future. */
const SKEW_SECONDS = 60;

/**
 * Refuses to begin a log at a time that the source can't vouch for. In the future the server would wait without a word; before its oplog it begins
 * without a word as long as that oplog has never been cut (a new one, of a set that was made from older data): either way the log would claim to
 * cover what nobody looked at.
 */
export function checkStart(start: StartPoint, newest: ClusterTime, window: OplogWindow): void {
  const after = start.kind === "time" ? start.after : start.kind === "after" ? start.position.clusterTime : null;
  if (after === null) return;
  if (secondsOf(after) > secondsOf(newest) + SKEW_SECONDS)
    throw new OplogError(
      "BAD_INPUT",
      `The log is to begin at ${formatClusterTime(after)}, which is in the source's future: its newest entry is at ${formatClusterTime(newest)}`,
      { hint: "Begin at an earlier time, or now." },
    );
  if ("oldest" in window && after + 1n < window.oldest)
    throw new OplogError(
      "HISTORY_LOST",
      `The log is to begin at ${formatClusterTime(after)}, but the source's oplog begins at ${formatClusterTime(window.oldest)}`,
      { hint: "Begin as early as it reaches (--from oldest), or now." },
    );
}
