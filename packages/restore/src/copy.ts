import { type CopyLogOptions, type CopyProgress, copyLog, type StoreLocation, snapshotLogName } from "@oplog-collector/collector-core";
import { HOLD_ID } from "./retention/legal-hold.js";
import { listSnapshots } from "./snapshot/list-snapshots.js";
import { USERS_ID } from "./users/users-log.js";

export interface CopyReport extends CopyProgress {
  /** Base snapshots that are in both now. */
  snapshots: number;
  /** False when it was stopped before. */
  caughtUp: boolean;
}

/** Copies a log with its complete base snapshots, what was recorded of users, and its legal hold, from one place to another; run again it goes on where it ended. */
export async function copy(
  from: StoreLocation,
  to: StoreLocation,
  name: string,
  { signal, onProgress = () => {} }: CopyLogOptions = {},
): Promise<CopyReport> {
  const total: CopyProgress = { segments: 0, storedBytes: 0, upToSegment: 0 };
  const copyOne = async (log: string) => {
    const [source, target] = [await from.log(log), await to.log(log)];
    const sofar = (one: CopyProgress) => ({
      segments: total.segments + one.segments,
      storedBytes: total.storedBytes + one.storedBytes,
      upToSegment: one.upToSegment,
    });
    try {
      const done = await copyLog(source, target, { ...(signal && { signal }), onProgress: (progress) => onProgress(sofar(progress)) });
      Object.assign(total, sofar(done));
    } finally {
      await source.close();
      await target.close();
    }
  };
  // The snapshots first: with each segment after them the copy can be restored.
  const snapshots = await listSnapshots(from, name);
  for (const id of [...snapshots.map((snapshot) => snapshot.id), USERS_ID, HOLD_ID]) await copyOne(snapshotLogName(name, id));
  await copyOne(name);
  return { ...total, snapshots: snapshots.length, caughtUp: !signal?.aborted };
}
