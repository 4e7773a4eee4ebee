import { type ClusterTime, decodeHeader, formatClusterTime, OplogError, type Store } from "@oplog-collector/collector-core";
import type { MongoClient } from "mongodb";

/** An idle source moves its log on every 10 s by itself; a collector that reconnects takes longer. */
export const DEFAULT_COVERAGE_WAIT_MS = 60_000;

const LOOK_INTERVAL_MS = 200;

/** The newest cluster time that a log covers, from its end alone. */
export async function coveredTo(store: Store): Promise<ClusterTime> {
  const checkpoint = await store.readCheckpoint();
  for await (const stored of store.headers({ reverse: true })) {
    const { coveredTo: sealed } = decodeHeader(stored.header);
    return checkpoint?.afterSegment === stored.number && checkpoint.coveredTo > sealed ? checkpoint.coveredTo : sealed;
  }
  return -1n;
}

/** Waits until the log covers `time`; throws `OUTSIDE_COVERAGE` when it does not get there, which is when no collector runs. */
export async function waitForCoverage(
  store: Store,
  time: ClusterTime,
  { client, timeoutMs, signal }: { client: MongoClient; timeoutMs: number; signal: AbortSignal },
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  // An idle source writes a no-op every 10 s; one of ours spares that wait where we may write it.
  if ((await coveredTo(store)) < time) await nudge(client);
  for (;;) {
    signal.throwIfAborted();
    const reached = await coveredTo(store);
    if (reached >= time) return;
    if (Date.now() >= deadline)
      throw new OplogError(
        "OUTSIDE_COVERAGE",
        reached < 0n
          ? "The log is empty: no collector has recorded anything yet"
          : `The log covers up to ${formatClusterTime(reached)} and has not moved on to ${formatClusterTime(time)} within ${timeoutMs / 1000} s`,
        {
          hint: "A base snapshot needs a collector that records its source at the same time: start `oplog collect`, then run snapshot again.",
        },
      );
    await new Promise((resolve) => setTimeout(resolve, LOOK_INTERVAL_MS));
  }
}

async function nudge(client: MongoClient): Promise<void> {
  await client
    .db("admin")
    .command({ appendOplogNote: 1, data: { msg: "oplog-collector: base snapshot" } })
    .catch(() => {}); // not allowed to everyone, and the source moves on by itself
}
