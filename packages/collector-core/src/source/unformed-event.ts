import type { MongoClient } from "mongodb";
import { OplogEntryScan } from "../oplog-entry.js";
import type { Position } from "../position.js";
import { entryAt, shownEntriesAfter } from "./blind-spots.js";
import { shownTo } from "./shown-to.js";

/** Commands of which no event is made: an index build has one when it is committed. */
const SILENT: ReadonlySet<string> = new Set(["startIndexBuild", "abortIndexBuild"]);

/**
 * The oplog entry of the first event after the position, which the server fails to make an event of: restored, it does what the event would have
 * said. Null where it can't stand for the event: others of its transaction may have come before it, or the transaction has several entries.
 */
export async function entryOfUnformedEvent(client: MongoClient, position: Position, database: string | null): Promise<Buffer | null> {
  const scan = new OplogEntryScan();
  const after = shownTo(position);
  const before = after === position.clusterTime ? await entryAt(client, after) : null;
  if (before) {
    scan.read(before, 0);
    // Which of a transaction's events the position stands at is not known here.
    if (position.token && (scan.transaction || scan.kind.operation === "applyOps")) return null;
  }
  for await (const entry of shownEntriesAfter(client, after, database)) {
    scan.read(entry, 0);
    if (scan.skipped === null && !SILENT.has(scan.kind.operation)) return scan.transaction ? null : entry;
  }
  return null;
}
