import { type ClusterTime, formatClusterTime } from "./cluster-time.js";
import { type Coverage, timelineFor } from "./coverage.js";
import { OplogError } from "./errors.js";
import { tokenData } from "./position.js";
import { rawValue } from "./raw-bson.js";
import { type ReadEventsOptions, readEvents, type StoredEvent } from "./read-events.js";
import type { Store } from "./store.js";
import { resolveTime, type Time } from "./time.js";

/** A part of a log: `(after, to]`; an end that is left out is the log's own. */
export interface LogRange {
  after?: ClusterTime;
  to?: ClusterTime;
  /** Tokens where the ends were given as such: they may stand between two events of one cluster time. */
  afterToken?: string;
  toToken?: string;
}

/** The range between two moments as users write them; throws `BAD_INPUT` when the second is before the first. */
export async function resolveRange(ends: { from?: Time; to?: Time }, store: Store, coverage: Coverage): Promise<LogRange> {
  const { from, to } = ends;
  const range: LogRange = {
    ...(from && { after: await resolveTime(from, store, coverage) }),
    ...(to && { to: await resolveTime(to, store, coverage) }),
    ...(from?.kind === "token" && { afterToken: from.token }),
    ...(to?.kind === "token" && { toToken: to.token }),
  };
  if (range.after !== undefined && range.to !== undefined && range.to < range.after)
    throw new OplogError("BAD_INPUT", `The range ends at ${to!.text}, before it begins at ${from!.text}`, { hint: "Swap the two." });
  return range;
}

/** The events of a range, exact to the token. */
export async function* readRange(
  store: Store,
  { after, to, afterToken, toToken }: LogRange,
  wanted?: ReadEventsOptions["wanted"],
): AsyncGenerator<StoredEvent> {
  // Of the cluster time of a token the events before it are out, those after it are in: so that time is read as a whole.
  for await (const event of readEvents(store, { after: afterToken === undefined ? after : after! - 1n, to, wanted })) {
    if (event.format === "change-event" && (afterToken !== undefined || toToken !== undefined)) {
      const token = tokenData(rawValue(event.bytes, "_id")!.bytes);
      if (afterToken !== undefined && token <= afterToken) continue;
      if (toToken !== undefined && token > toToken) return;
    } else if (afterToken !== undefined && event.clusterTime <= after!) continue;
    yield event;
  }
}

/** Throws `OUTSIDE_COVERAGE`, naming the hole, when something of a range is not in the log. A range without ends is what the log has. */
export function checkRangeCovered({ after, to }: LogRange, coverage: Coverage): void {
  if (after === undefined && to === undefined) return;
  const first = coverage.timelines[0]?.from.clusterTime ?? 0n;
  const last = coverage.timelines.at(-1)?.to.clusterTime ?? 0n;
  const from = after ?? (to! < first ? to! : first);
  timelineFor(coverage, from, to ?? (from > last ? from : last), formatClusterTime);
}
