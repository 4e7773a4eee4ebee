import type { ClusterTime, SegmentHeader } from "@oplog-collector/collector-core";
import { Timestamp } from "mongodb";

/**
 * What a segment of a base snapshot holds, as its header's `snapshot` says:
 * - `begin`: the first one, without documents.
 * - `documents`: documents of one part, in the order in which they were read. Parts that were not finished leave such segments behind.
 * - `collections`: descriptions of collections whose documents (or one more range of them) are all stored: what a resumed snapshot goes on from.
 * - `complete`: the last one, and only a snapshot that has it can be restored. Its documents: the replay rules, then the collections.
 */
export type SnapshotRecord =
  | { what: "begin"; takenFrom: ClusterTime }
  | { what: "documents"; part: number; namespace: string }
  | { what: "collections" }
  | {
      what: "complete";
      takenFrom: ClusterTime;
      restorableFrom: ClusterTime;
      collections: number;
      documents: number;
      bytes: number;
      notes: string[];
    };

/** As it stands in a header. */
export function encodeRecord(record: SnapshotRecord): Record<string, unknown> {
  switch (record.what) {
    case "begin":
      return { ...record, takenFrom: new Timestamp(record.takenFrom) };
    case "complete":
      return { ...record, takenFrom: new Timestamp(record.takenFrom), restorableFrom: new Timestamp(record.restorableFrom) };
    default:
      return { ...record };
  }
}

/** Undefined for a header that is not of a base snapshot. */
export function recordOf({ snapshot }: SegmentHeader): SnapshotRecord | undefined {
  if (!snapshot) return undefined;
  const times = Object.fromEntries(
    Object.entries(snapshot).flatMap(([name, value]) => (value instanceof Timestamp ? [[name, value.toBigInt()]] : [])),
  );
  return { ...snapshot, ...times } as unknown as SnapshotRecord;
}
