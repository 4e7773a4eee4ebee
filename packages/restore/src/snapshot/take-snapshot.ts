import {
  type ClusterTime,
  checkSameSource,
  identifyDeployment,
  makeClient,
  OplogError,
  readCoverage,
  type Store,
  type StoreLocation,
  type Timeline,
} from "@oplog-collector/collector-core";
import { type ReadLimits, settledTime } from "./read-collection.js";
import { DEFAULT_READERS, SnapshotTaking } from "./snapshot-taking.js";
import { findUnfinished } from "./unfinished-snapshot.js";
import { DEFAULT_COVERAGE_WAIT_MS, waitForCoverage } from "./wait-for-coverage.js";

export interface TakeSnapshotOptions {
  /** URI of the source. */
  source: string;
  location: StoreLocation;
  /** The log that records this source. */
  log: string;
  readers?: number;
  limits?: Partial<ReadLimits>;
  coverageWaitMs?: number;
  signal?: AbortSignal;
  onProgress?: (progress: SnapshotProgress) => void;
}

export interface SnapshotProgress {
  phase: "waiting for the log" | "reading" | "checking" | "done";
  collections: number;
  collectionsInAll: number;
  documents: number;
  bytes: number;
  /** What the source says of its collections' sizes; what is read may differ. */
  bytesInAll: number;
}

export interface TakenSnapshot {
  id: string;
  takenFrom: ClusterTime;
  restorableFrom: ClusterTime;
  collections: number;
  documents: number;
  bytes: number;
  storedBytes: number;
  /** Whether an interrupted one was continued. */
  resumed: boolean;
  /** What is not in it, and why. */
  notes: string[];
}

/** Takes a base snapshot of a source that goes on being written to, into the store that holds its log. */
export async function takeSnapshot(options: TakeSnapshotOptions): Promise<TakenSnapshot> {
  const { signal = new AbortController().signal, readers = DEFAULT_READERS } = options;
  // A connection for each reader's cursor and one for what they ask between.
  const client = makeClient(options.source, "source", { maxPoolSize: readers * 2 + 2 });
  const log = await options.location.log(options.log);
  try {
    const timeline = await currentTimeline(log);
    const database = timeline.source?.database ?? null;
    const source = await identifyDeployment(client, database);
    if (timeline.source) checkSameSource(timeline.source, source);
    const settled = await settledTime(client, source.sharded);
    await waitForCoverage(log, settled, { client, timeoutMs: options.coverageWaitMs ?? DEFAULT_COVERAGE_WAIT_MS, signal });
    const unfinished = await findUnfinished(options.location, options.log);
    if (unfinished && unfinished.takenFrom <= timeline.from.clusterTime) {
      await unfinished.store.remove();
      return await new SnapshotTaking(options, client, log, source, signal).take(settled, null);
    }
    return await new SnapshotTaking(options, client, log, source, signal).take(unfinished?.takenFrom ?? settled, unfinished);
  } finally {
    await Promise.allSettled([client.close(), log.close()]);
  }
}

async function currentTimeline(log: Store): Promise<Timeline> {
  const timeline = (await readCoverage(log)).timelines.at(-1);
  if (timeline) return timeline;
  throw new OplogError("OUTSIDE_COVERAGE", "The log is empty: a base snapshot is of use only together with the log of its source", {
    hint: "Start `oplog collect` with the same --store and --name, then run snapshot.",
  });
}
