import {
  canonicalJson,
  eventFilter,
  type LogRange,
  OplogError,
  parseTime,
  positionOfEvent,
  printPosition,
  readCoverage,
  readRange,
  resolveRange,
  type SegmentHeader,
  type Store,
  type StoredEvent,
} from "@oplog-collector/collector-core";
import { BSON } from "mongodb";
import type { EventFilter, EventRow } from "./manager-api.js";
import { readRangeNewestFirst } from "./newest-first.js";
import { segmentBefore, startingAfter } from "./segment-search.js";

export const DEFAULT_PAGE = 100;
export const MAX_PAGE = 1_000;

/** A page of large documents ends here rather than filling the reader's memory. */
const MAX_PAGE_BYTES = 8 * 1024 * 1024;

/** A filter that hardly anything passes must not keep a request open for the whole log: the page ends, and its cursor goes on. */
const SCAN_MS = 4_000;

/** Where a page ended: so many events of that segment were looked at, from its beginning or, with the newest first, from its end. Segments never change, so it stays valid. */
interface Cursor {
  segment: number;
  seen: number;
}

/** One page of a log's events, in their order or the newest first. A page may hold fewer events than asked for; the cursor is null only at the end. */
export async function readEventPage(store: Store, filter: EventFilter): Promise<{ rows: EventRow[]; cursor: string | null }> {
  const limit = Math.min(filter.limit ?? DEFAULT_PAGE, MAX_PAGE);
  const cursor = filter.cursor === undefined ? null : parseCursor(filter.cursor);
  const { ns, op, id } = filter;
  const wanted = eventFilter({ namespace: ns, operation: op, ...(id !== undefined && { id: parseId(id) }) });
  const range = await resolveEnds(store, filter);
  const events = filter.newestFirst
    ? readRangeNewestFirst(store, range, wanted.segment, cursor?.segment)
    : await readOldestFirst(store, range, wanted.segment, cursor);
  const deadline = performance.now() + SCAN_MS;
  const rows: EventRow[] = [];
  let bytes = 0;
  let at: Cursor = { segment: 0, seen: 0 };
  for await (const event of events) {
    at = { segment: event.segment, seen: at.segment === event.segment ? at.seen + 1 : 1 };
    if (cursor?.segment === at.segment && at.seen <= cursor.seen) continue;
    if (rows.length >= limit || bytes > MAX_PAGE_BYTES || performance.now() > deadline)
      return { rows, cursor: `${at.segment}.${at.seen - 1}` };
    if (!wanted.event(event)) continue;
    rows.push({
      position: printPosition(positionOfEvent(event.bytes, event.format)),
      format: event.format === "oplog-entry" ? "oplog-entry" : "change-event",
      operation: event.kind.operation,
      namespace: event.kind.namespace,
      event: canonicalJson(event.bytes),
    });
    bytes += event.bytes.length;
  }
  return { rows, cursor: null };
}

async function readOldestFirst(
  store: Store,
  range: LogRange,
  wanted: (header: SegmentHeader) => boolean,
  cursor: Cursor | null,
): Promise<AsyncGenerator<StoredEvent>> {
  // A token's own cluster time is read as a whole.
  const start = cursor ? cursor.segment - 1 : await segmentBefore(store, range.after === undefined ? undefined : range.after - 1n);
  return readRange(startingAfter(store, start), range, wanted);
}

async function resolveEnds(store: Store, { from, to }: EventFilter): Promise<LogRange> {
  if (from === undefined && to === undefined) return {};
  const ends = { ...(from !== undefined && { from: parseTime(from) }), ...(to !== undefined && { to: parseTime(to) }) };
  return resolveRange(ends, store, await readCoverage(store));
}

function parseId(text: string): unknown {
  try {
    return BSON.EJSON.parse(text, { relaxed: false });
  } catch (cause) {
    const hint = 'Write 42, "text" (with the quotes) or {"$oid":"656f00c2a1b2c3d4e5f60718"}.';
    throw new OplogError("BAD_INPUT", "The id is not Extended JSON", { cause, hint });
  }
}

function parseCursor(text: string): Cursor {
  const [, segment, seen] = /^(\d{1,15})\.(\d{1,9})$/.exec(text) ?? [];
  if (segment === undefined || seen === undefined)
    throw new OplogError("BAD_INPUT", "The cursor is none of ours", { hint: "Pass on the cursor of the page before as it is." });
  return { segment: Number(segment), seen: Number(seen) };
}
