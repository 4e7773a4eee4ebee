import { dateOf, decodeHeader, OplogError, type SegmentHeader, type Store } from "@oplog-collector/collector-core";
import type { StatsRow } from "./manager-api.js";

const DEFAULT_SPAN_MS = 60 * 60_000;
export const DEFAULT_BUCKETS = 60;
export const MAX_BUCKETS = 1_000;

/** At a segment a second this is a day and more; the headers of a longer range take minutes to read. */
const MAX_SEGMENTS = 100_000;

/** Events by namespace and operation over time: from the segments' headers, so to within the age of a segment. Buckets without events are left out. */
export async function readEventStats(
  store: Store,
  { from, to, buckets = DEFAULT_BUCKETS }: { from?: string; to?: string; buckets?: number },
  now = Date.now(),
): Promise<StatsRow[]> {
  const end = to === undefined ? now : millisecondsOf("to", to);
  const begin = from === undefined ? end - DEFAULT_SPAN_MS : millisecondsOf("from", from);
  if (begin >= end) throw new OplogError("BAD_INPUT", "from is not before to", { hint: "Swap them." });
  const width = (end - begin) / Math.min(MAX_BUCKETS, Math.max(1, buckets));
  const rows = new Map<string, StatsRow>();
  let read = 0;
  // From the end: what people look at is mostly of the last hour.
  for await (const stored of store.headers({ reverse: true })) {
    const header = decodeHeader(stored.header);
    const at = timeOf(header);
    if (at < begin) break;
    if (++read > MAX_SEGMENTS)
      throw new OplogError("BAD_INPUT", `The range holds more than ${MAX_SEGMENTS} segments`, { hint: "Ask for a shorter range." });
    if (at > end) continue;
    const bucket = new Date(begin + Math.min(Math.floor((at - begin) / width), Math.ceil((end - begin) / width) - 1) * width).toISOString();
    for (const { namespace, operation, events } of header.counts) {
      const key = JSON.stringify([bucket, namespace, operation]);
      const row = rows.get(key) ?? { at: bucket, namespace, operation, events: 0 };
      row.events += events;
      rows.set(key, row);
    }
  }
  return [...rows.values()].sort((a, b) => a.at.localeCompare(b.at) || b.events - a.events);
}

const timeOf = ({ to }: SegmentHeader): number => (to.wallTime ?? dateOf(to.clusterTime)).getTime();

function millisecondsOf(field: string, text: string): number {
  const time = Date.parse(text);
  if (Number.isNaN(time)) throw new OplogError("BAD_INPUT", `${field} is not a time`, { hint: 'Write it as "2026-11-22T14:05:24Z".' });
  return time;
}
