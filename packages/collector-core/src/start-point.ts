import { type ClusterTime, clusterTime, formatClusterTime, secondsOf } from "./cluster-time.js";
import { OplogError } from "./errors.js";
import { positionOfToken, tokenFromData } from "./position.js";
import type { OplogWindow, StartPoint } from "./source/source.js";
import { parseTime } from "./time.js";

/** Where a new log begins, as users write it: `now`, `oldest` or a time. Throws `BAD_INPUT`. */
export function parseStartPoint(text: string): StartPoint {
  if (text === "oldest") return { kind: "oldest" };
  const time = parseTime(text);
  if (time.kind === "now") return { kind: "now" };
  // A token may stand between two events of one cluster time, so of that time nothing is known to be complete.
  if (time.kind === "token")
    return { kind: "after", position: positionOfToken(tokenFromData(time.token)), coveredTo: time.clusterTime - 1n };
  if (time.kind === "clusterTime") return { kind: "time", after: time.clusterTime };
  // A whole second and not the millisecond: rather some events too many at the beginning of a log than one too few.
  return { kind: "time", after: clusterTime(Math.floor(time.date.getTime() / 1000), 0) };
}

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
