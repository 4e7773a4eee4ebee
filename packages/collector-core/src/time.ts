import { type ClusterTime, clusterTime, ordinalOf, parseClusterTime, secondsOf } from "./cluster-time.js";
import { type Coverage, newestCovered } from "./coverage.js";
import { OplogError } from "./errors.js";
import { positionOfEvent } from "./event.js";
import { clusterTimeOfToken } from "./position.js";
import { readEvents } from "./read-events.js";
import type { Store } from "./store.js";

/** A moment as users write it. */
export type Time =
  | { kind: "now"; text: string }
  | { kind: "clusterTime"; text: string; clusterTime: ClusterTime }
  /** ISO-8601; milliseconds are looked up among the events of that second. */
  | { kind: "wallTime"; text: string; date: Date }
  /** A resume token: a place between two events, also inside a transaction. */
  | { kind: "token"; text: string; token: string; clusterTime: ClusterTime };

/** A date alone, or a date and a time with its zone: a time without a zone would mean something else on each machine. */
const ISO_8601 = /^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:?\d{2}))?$/i;

const LAST_ORDINAL = 0xffffffff;

/** Reads `now`, `t,i`, ISO-8601 or a resume token; throws `BAD_INPUT`. */
export function parseTime(given: string): Time {
  const text = given.trim();
  if (text === "now") return { kind: "now", text };
  const cluster = parseClusterTime(text);
  if (cluster !== undefined) return { kind: "clusterTime", text, clusterTime: cluster };
  const ofToken = /^[0-9a-f]+$/i.test(text) ? clusterTimeOfToken(text) : undefined;
  if (ofToken !== undefined) return { kind: "token", text, token: text.toUpperCase(), clusterTime: ofToken };
  const date = ISO_8601.test(text) ? new Date(text) : new Date(Number.NaN);
  // Before 1970 there is no cluster time.
  if (!(date.getTime() >= 0 && date.getTime() / 1000 <= 0xffffffff))
    throw new OplogError("BAD_INPUT", `${JSON.stringify(text.slice(0, 100))} is not a time`, {
      hint: 'Write it as ISO-8601 with its zone ("2026-11-22T14:05:24.269Z"), as a cluster time ("1795356656,17"), as a resume token (hex), or "now".',
    });
  return { kind: "wallTime", text, date };
}

/**
 * The cluster time that a moment means in one log: everything that happened up to the moment is at or before it. `now` is the end of what is
 * covered. A moment after the last event of a second that the log does not yet cover to its end is the end of that second, so outside coverage.
 */
export async function resolveTime(time: Time, store: Store, coverage: Coverage): Promise<ClusterTime> {
  if (time.kind === "now") return newestCovered(coverage);
  if (time.kind !== "wallTime") return time.clusterTime;
  return lastAtOrBefore(time.date, store, coverage);
}

async function lastAtOrBefore(date: Date, store: Store, coverage: Coverage): Promise<ClusterTime> {
  const second = Math.floor(date.getTime() / 1000);
  const start = clusterTime(second, 0);
  let last = start;
  // The cluster time says which second, the wall time where inside it: a clock that was set back can't mix up the order.
  for await (const event of readEvents(store, { after: start - 1n, to: clusterTime(second, LAST_ORDINAL) })) {
    const wallTime = positionOfEvent(event.bytes, event.format).wallTime;
    if (wallTime && wallTime > date) return last < event.clusterTime ? last : event.clusterTime - 1n;
    last = event.clusterTime;
  }
  const goesOn = coverage.timelines.some(({ from, to }) => from.clusterTime <= last && secondsOf(to.clusterTime) > second);
  return goesOn || ordinalOf(last) === LAST_ORDINAL || date.getTime() % 1000 === 0 ? last : clusterTime(second, LAST_ORDINAL);
}
