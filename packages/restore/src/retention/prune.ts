import { type ClusterTime, decodeHeader, type Store, type StoreLocation, snapshotLogName } from "@oplog-collector/collector-core";
import { listSnapshots } from "../snapshot/list-snapshots.js";
import { pruneUsers } from "../users/users-log.js";
import { type LegalHold, readHold } from "./legal-hold.js";
import { type KeptSegment, planRetention, type RetentionPlan } from "./retention-plan.js";

export interface PruneOptions {
  /** Nothing after this time goes for its age; null: nothing goes for its age. */
  before: ClusterTime | null;
  /** What log and snapshots may have together, as stored. @default any size */
  maxBytes?: number | undefined;
  /** Plans, and removes nothing. */
  dryRun?: boolean;
}

export interface Pruned extends RetentionPlan {
  /** How many segments and bytes the plan removes, snapshots included. */
  segments: number;
  storedBytes: number;
  /** The log begins after this time then; null when no segment goes. */
  keptFrom: ClusterTime | null;
  /** It is under this hold: nothing was removed. */
  held: LegalHold | null;
}

/** Removes what is no longer to be kept; returns what it did, or would do. */
export async function prune(location: StoreLocation, name: string, { before, maxBytes, dryRun = false }: PruneOptions): Promise<Pruned> {
  const store = await location.log(name);
  try {
    const segments = await keptSegments(store);
    const snapshots = await listSnapshots(location, name);
    const plan = planRetention({ ...(maxBytes !== undefined && { maxBytes }), cutoff: before, segments, snapshots });
    const going = segments.filter(({ number }) => number <= (plan.removeUpTo ?? 0));
    const gone = [...going, ...snapshots.filter(({ id }) => plan.removeSnapshots.includes(id))];
    const pruned: Pruned = {
      ...plan,
      segments: going.length,
      storedBytes: gone.reduce((sum, { storedBytes }) => sum + storedBytes, 0),
      keptFrom: going.at(-1)?.to ?? null,
      held: await readHold(location, name),
    };
    if (!dryRun && !pruned.held) {
      await remove(location, name, store, plan);
      if (pruned.keptFrom !== null) await pruneUsers(location, name, pruned.keptFrom);
    }
    return pruned;
  } finally {
    await store.close();
  }
}

async function keptSegments(store: Store): Promise<KeptSegment[]> {
  const segments: KeptSegment[] = [];
  let before = 0;
  for await (const { number, header, storedBytes } of store.headers()) {
    const { kind, to } = decodeHeader(header);
    segments.push({ number, begins: kind !== "events" || number !== before + 1, to: to.clusterTime, storedBytes });
    before = number;
  }
  return segments;
}

async function remove(location: StoreLocation, name: string, store: Store, plan: RetentionPlan): Promise<void> {
  if (plan.removeUpTo !== null) await store.remove(plan.removeUpTo);
  // After the log that hangs on them: interrupted here, a snapshot without its log is left, never a log without its snapshot.
  for (const id of plan.removeSnapshots) {
    const snapshot = await location.log(snapshotLogName(name, id));
    await snapshot.remove();
    await snapshot.close();
  }
}
