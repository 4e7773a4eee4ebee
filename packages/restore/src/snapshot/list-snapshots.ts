import {
  type ClusterTime,
  decodeHeader,
  documentsIn,
  formatClusterTime,
  OplogError,
  readPayload,
  type SourceIdentity,
  type Store,
  type StoreLocation,
  snapshotLogName,
} from "@oplog-collector/collector-core";
import { decodeRules, type ReplayRules } from "./replay-rules.js";
import { decodeCollection, type SnapshotCollection } from "./snapshot-collection.js";
import { recordOf } from "./snapshot-record.js";
import { snapshotIds } from "./unfinished-snapshot.js";

/** A base snapshot that is complete. */
export interface Snapshot {
  id: string;
  /** The log must hold everything after this time. */
  takenFrom: ClusterTime;
  /** With the log, every time from here on can be restored. */
  restorableFrom: ClusterTime;
  completedAt: Date;
  collections: number;
  documents: number;
  /** Of the documents' BSON. */
  bytes: number;
  /** What the store keeps for it. */
  storedBytes: number;
  source: SourceIdentity | null;
  notes: string[];
}

/** How a snapshot prints: on the command line, in the API. */
export const printSnapshot = ({
  id,
  takenFrom,
  restorableFrom,
  completedAt,
  collections,
  documents,
  bytes,
  storedBytes,
  notes,
}: Snapshot) => ({
  id,
  takenFrom: formatClusterTime(takenFrom),
  restorableFrom: formatClusterTime(restorableFrom),
  completedAt: completedAt.toISOString(),
  collections,
  documents,
  bytes,
  storedBytes,
  notes,
});

/** The complete base snapshots of a log, the oldest first. Interrupted ones are not among them: they can't be restored. */
export async function listSnapshots(location: StoreLocation, log: string): Promise<Snapshot[]> {
  const found: Snapshot[] = [];
  for (const id of await snapshotIds(location, log)) {
    const store = await location.log(snapshotLogName(log, id));
    try {
      const snapshot = await readSummary(id, store);
      if (snapshot) found.push(snapshot);
    } finally {
      await store.close();
    }
  }
  return found.sort((a, b) => (a.restorableFrom < b.restorableFrom ? -1 : 1));
}

async function readSummary(id: string, store: Store): Promise<Snapshot | null> {
  let summary: Snapshot | null = null;
  let storedBytes = 0;
  let source: SourceIdentity | null = null;
  for await (const stored of store.headers({ reverse: true })) {
    const header = decodeHeader(stored.header);
    if (!summary) {
      const record = recordOf(header);
      if (record?.what !== "complete") return null;
      const { what: _, ...totals } = record;
      summary = { id, ...totals, completedAt: header.sealedAt, storedBytes: 0, source: null };
    }
    storedBytes += stored.storedBytes;
    source = header.source ?? source;
  }
  return summary && { ...summary, storedBytes, source };
}

/** What a complete snapshot holds, from its last segment. */
export async function readContents(store: Store): Promise<{ rules: ReplayRules; collections: SnapshotCollection[] }> {
  for await (const stored of store.headers({ reverse: true })) {
    const segment = await store.read(stored.number);
    const header = decodeHeader(stored.header);
    if (!segment || recordOf(header)?.what !== "complete") break;
    const [rules, ...collections] = documentsIn(await readPayload(segment, header));
    return { rules: decodeRules(rules!), collections: collections.map(decodeCollection) };
  }
  throw new OplogError("DAMAGED", "The snapshot has lost its last segment, the one that says what it holds", {
    hint: "Use another snapshot.",
  });
}
