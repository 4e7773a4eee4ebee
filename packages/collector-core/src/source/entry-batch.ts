import type { Batch } from "../batch.js";
import { OplogEntryScan } from "../oplog-entry.js";

/** Makes batches of single oplog entries, which complete their cluster time: for what a change stream does not carry. */
export function entryBatches(): (entry: Buffer) => Batch {
  const scan = new OplogEntryScan();
  return (entry) => {
    scan.read(entry, 0);
    const { kind, clusterTime, seconds, ordinal, wallTime } = scan;
    return {
      format: "oplog-entry",
      events: 1,
      payload: entry,
      ends: Uint32Array.of(entry.length),
      times: Uint32Array.of(seconds, ordinal),
      kinds: [kind],
      position: { token: null, clusterTime, wallTime: Number.isNaN(wallTime) ? null : new Date(wallTime) },
      coveredTo: clusterTime,
      currentTo: Number.isNaN(wallTime) ? 0 : wallTime,
      caughtUp: false,
    };
  };
}
