import { clusterTime, parseTime, positionOfToken, type StartPoint, tokenFromData } from "@oplog-collector/collector-core";

/** Where a new log begins, from what a user wrote: `now`, `oldest` or a time. Throws `BAD_INPUT`. */
export function startPointOf(text: string): StartPoint {
  if (text === "now" || text === "oldest") return { kind: text };
  const time = parseTime(text);
  if (time.kind === "now") return { kind: "now" };
  // A token may stand between two events of one cluster time, so of that time nothing is known to be complete.
  if (time.kind === "token")
    return { kind: "after", position: positionOfToken(tokenFromData(time.token)), coveredTo: time.clusterTime - 1n };
  if (time.kind === "clusterTime") return { kind: "time", after: time.clusterTime };
  // The whole second: rather some events too many at the beginning of a log than one too few.
  return { kind: "time", after: clusterTime(Math.floor(time.date.getTime() / 1000), 0) };
}
