import type { MongoClient } from "mongodb";
import { OplogEntryScan } from "../oplog-entry.js";
import { indexInTransaction, type Position, tokenData } from "../position.js";
import { rawElements, rawValue } from "../raw-bson.js";
import { entryAt, shownEntriesAfter } from "./blind-spots.js";
import { shownTo } from "./shown-to.js";

/** Commands of which no event is made: an index build has one when it is committed. */
const SILENT: ReadonlySet<string> = new Set(["startIndexBuild", "abortIndexBuild"]);

/**
 * The oplog entry of the first event after the position, which the server fails to make an event of: restored, it does what the event would have
 * said. Null where it can't stand for the event: others of its transaction have come before it, or the transaction has several entries.
 */
export async function entryOfUnformedEvent(client: MongoClient, position: Position, database: string | null): Promise<Buffer | null> {
  const scan = new OplogEntryScan();
  const after = shownTo(position);
  const before = after === position.clusterTime ? await entryAt(client, after) : null;
  if (before && position.token && !isLastOf(before, scan, tokenData(position.token))) return null;
  for await (const entry of shownEntriesAfter(client, after, database)) {
    scan.read(entry, 0);
    if (scan.skipped === null && !SILENT.has(scan.kind.operation)) return scan.transaction ? null : entry;
  }
  return null;
}

/** Whether that event is the last one of its entry. Of a transaction that has several, or of which not all is shown, it is not known. */
function isLastOf(entry: Buffer, scan: OplogEntryScan, token: string): boolean {
  scan.read(entry, 0);
  if (scan.transaction) return false;
  if (scan.kind.operation !== "applyOps") return true;
  const operations = rawValue(entry, "o", "applyOps");
  const count = operations ? [...rawElements(operations.bytes)].length : 0;
  return indexInTransaction(token) === count - 1;
}
