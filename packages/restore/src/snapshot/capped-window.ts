import { type ClusterTime, rawElement, rawValue, readEvents, type Store } from "@oplog-collector/collector-core";
import { collectionUuid } from "./ddl-events.js";
import type { SnapshotCollection } from "./snapshot-collection.js";

/**
 * A capped collection is copied while documents come at its end and go at its beginning. Of the copy, only what was there all the time is loaded;
 * what came or went is left to the log, which then meets each document exactly once, in its order. Answers, for each such collection, with the `_id`s
 * to leave out.
 */
export async function comeAndGone(log: Store, collections: readonly SnapshotCollection[]): Promise<Map<string, ReadonlySet<string>>> {
  const windows = new Map(collections.filter(({ capped }) => capped).map((collection) => [collection.uuid, collection]));
  const found = new Map([...windows.keys()].map((uuid): [string, Set<string>] => [uuid, new Set()]));
  const starts = [...windows.values()].map(({ parts }) => parts[0]!.readAt);
  if (starts.length === 0) return found;
  const least = (times: ClusterTime[]) => times.reduce((a, b) => (a < b ? a : b));
  const most = (times: ClusterTime[]) => times.reduce((a, b) => (a > b ? a : b));
  const range = { after: least(starts), to: most([...windows.values()].map(({ readTo }) => readTo)) };
  const names = new Set([...windows.values()].map(({ namespace }) => namespace));
  const mayHold = ({ namespace }: { namespace: string }) => names.has(namespace) || namespace.endsWith(".$cmd");
  for await (const event of readEvents(log, { ...range, wanted: ({ counts }) => counts.some(mayHold) })) {
    for (const { uuid, operation, id } of cappedWrites(event)) {
      const window = windows.get(uuid);
      if (!window || event.clusterTime <= window.parts[0]!.readAt || event.clusterTime > window.readTo) continue;
      if (operation === "insert" || operation === "delete") found.get(uuid)!.add(id);
    }
  }
  return found;
}

interface CappedWrite {
  uuid: string;
  operation: string;
  id: string;
}

type Event = Parameters<typeof collectionUuid>[0] & { kind: { operation: string } };

function cappedWrites(event: Event): CappedWrite[] {
  const uuid = collectionUuid(event);
  if (uuid === null) return [];
  const { bytes, format } = event;
  const key = format === "change-event" ? rawValue(bytes, "documentKey")?.bytes : rawValue(bytes, "o")?.bytes;
  if (!key || !rawElement(key, "_id")) return [];
  const operation = format === "change-event" ? event.kind.operation : OPLOG_OPERATIONS[event.kind.operation];
  return operation ? [{ uuid, operation, id: idText(key) }] : [];
}

/** Transactions can't write to capped collections, so their writes are plain entries. */
const OPLOG_OPERATIONS: Record<string, string | undefined> = { i: "insert", d: "delete", insert: "insert", delete: "delete" };

/** Equal for equal `_id` bytes; not for people. */
export function idText(document: Buffer): string {
  const id = rawElement(document, "_id");
  return id ? document.toString("latin1", id.start, id.end) : "";
}
