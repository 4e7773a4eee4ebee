import { clusterTime, decodeHeader, type StoreLocation, snapshotLogName } from "@oplog-collector/collector-core";
import { listSnapshots } from "@oplog-collector/restore";
import type { Retention } from "./registration.js";
import { type KeptSegment, planRetention, type RetentionPlan } from "./retention-plan.js";

const HOUR_MS = 3_600_000;

/** Removes what retention no longer keeps; returns what it did. */
export async function applyRetention(
  location: StoreLocation,
  name: string,
  retention: Retention,
  now = Date.now(),
): Promise<RetentionPlan> {
  const store = await location.log(name);
  try {
    const segments: KeptSegment[] = [];
    let before = 0;
    for await (const { number, header, storedBytes } of store.headers()) {
      const { kind, to } = decodeHeader(header);
      segments.push({ number, begins: kind !== "events" || number !== before + 1, to: to.clusterTime, storedBytes });
      before = number;
    }
    const { maxAgeHours } = retention;
    const cutoff = maxAgeHours === undefined ? null : clusterTime(Math.max(0, Math.floor((now - maxAgeHours * HOUR_MS) / 1000)), 0);
    const plan = planRetention({ retention, cutoff, segments, snapshots: await listSnapshots(location, name) });
    if (plan.removeUpTo !== null) await store.remove(plan.removeUpTo);
    // After the log that hangs on them: interrupted here, a snapshot without its log is left, never a log without its snapshot.
    for (const id of plan.removeSnapshots) {
      const snapshot = await location.log(snapshotLogName(name, id));
      await snapshot.remove();
      await snapshot.close();
    }
    return plan;
  } finally {
    await store.close();
  }
}
