import { type Coverage, dateOf } from "@oplog-collector/collector-core";

/** How much a log grows, as measured over all that it covers. */
export interface StorageForecast {
  storedBytesPerDay: number;
  /** What the log has now, and thirty more days at this rate. */
  storedBytesIn30Days: number;
}

const DAY_MS = 86_400_000;

/** Less than this measures how the load began, not the load. */
const SHORTEST_MEASURE_MS = 60_000;

/** Null while too little is covered to say. Base snapshots are not part of it: how many are kept is a choice. */
export function storageForecast({ timelines, storedBytes }: Pick<Coverage, "timelines" | "storedBytes">): StorageForecast | null {
  const coveredMs = timelines.reduce((sum, { from, to }) => sum + (+dateOf(to.clusterTime) - +dateOf(from.clusterTime)), 0);
  if (coveredMs < SHORTEST_MEASURE_MS) return null;
  const storedBytesPerDay = Math.round((storedBytes / coveredMs) * DAY_MS);
  return { storedBytesPerDay, storedBytesIn30Days: storedBytes + 30 * storedBytesPerDay };
}
