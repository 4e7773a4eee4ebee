import type { ClusterTime } from "@oplog-collector/collector-core";
import { BSON, Timestamp } from "mongodb";
import { type SnapshotCollection, startOf } from "./snapshot-collection.js";

/** From when on the log's events apply over a base snapshot, for all that is not one of its collections. */
export interface ReplayRules {
  /** What the snapshot does not know came after this time, so all of its events apply. */
  takenFrom: ClusterTime;
  /** When the list of a database's views was read: events on views, and on the database as a whole, apply after it. */
  databases: Map<string, ClusterTime>;
  /** Collections (by UUID) that were dropped before they could be read: their events apply to nothing until that time. */
  skipped: Map<string, ClusterTime>;
}

/** The time after which events on this collection (or, without a UUID, on this database or a view in it) apply. */
export function startTimes(
  rules: ReplayRules,
  collections: Iterable<SnapshotCollection>,
): (uuid: string | null, database: string) => ClusterTime {
  const starts = new Map(rules.skipped);
  for (const collection of collections) starts.set(collection.uuid, startOf(collection));
  return (uuid, database) => (uuid === null ? rules.databases.get(database) : starts.get(uuid)) ?? rules.takenFrom;
}

interface StoredRules {
  takenFrom: Timestamp;
  databases: [string, Timestamp][];
  skipped: [string, Timestamp][];
}

export function encodeRules({ takenFrom, databases, skipped }: ReplayRules): Buffer {
  const pairs = (map: Map<string, ClusterTime>) => [...map].map(([name, time]): [string, Timestamp] => [name, new Timestamp(time)]);
  const stored: StoredRules = { takenFrom: new Timestamp(takenFrom), databases: pairs(databases), skipped: pairs(skipped) };
  return Buffer.from(BSON.serialize(stored));
}

export function decodeRules(document: Buffer): ReplayRules {
  const { takenFrom, databases, skipped } = BSON.deserialize(document) as StoredRules;
  const map = (pairs: [string, Timestamp][]) => new Map(pairs.map(([name, time]) => [name, time.toBigInt()]));
  return { takenFrom: takenFrom.toBigInt(), databases: map(databases), skipped: map(skipped) };
}
