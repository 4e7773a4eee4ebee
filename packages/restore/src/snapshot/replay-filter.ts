import { type ClusterTime, formatClusterTime, OplogError, type Store } from "@oplog-collector/collector-core";
import { isWrite, type Operation } from "../operation.js";
import type { ApplyMode } from "../statement.js";
import { compareIds, idsAreComparable } from "./compare-ids.js";
import { readDdlEvents } from "./ddl-events.js";
import { type ReplayRules, startTimes } from "./replay-rules.js";
import { consistentFrom, databaseOf, type SnapshotCollection, startOf } from "./snapshot-collection.js";

/** Decides, over what was loaded of a base snapshot, which operations of the log are still to be applied. */
export interface ReplayFilter {
  /** Everything after this time is to be applied. */
  readonly until: ClusterTime;
  decide(uuid: string | null, operation: Operation, time: ClusterTime): ApplyMode | "skip";
}

/** Whether ranges of it were read at different times, so that it has to be brought to one time before indexes can be built on it. */
export const isUneven = ({ parts }: SnapshotCollection): boolean => parts.length > 1;

/** For the whole range, once what was uneven has been evened out. */
export function replayFilter(rules: ReplayRules, collections: readonly SnapshotCollection[]): ReplayFilter {
  const startTime = startTimes(rules, collections);
  const capped = new Map(collections.filter((collection) => collection.capped).map((collection) => [collection.uuid, collection.readTo]));
  const times = [...rules.databases.values(), ...rules.skipped.values(), ...collections.map(consistentFrom)];
  return {
    until: times.reduce((newest, time) => (time > newest ? time : newest), rules.takenFrom),
    decide: (uuid, { namespace }, time) => {
      if (time <= startTime(uuid, namespace.includes(".") ? databaseOf(namespace) : namespace)) return "skip";
      // The copy of a capped collection may have an update of that time already, or lack a document that went.
      return uuid !== null && time <= (capped.get(uuid) ?? -1n) ? "converge" : "forward";
    },
  };
}

/**
 * Brings the ranges of uneven collections to the time of their last one. No DDL touched such a collection meanwhile: the snapshot saw to that.
 * `again`: it was begun before and interrupted.
 */
export function eveningFilter(collections: readonly SnapshotCollection[], again: boolean): ReplayFilter {
  const uneven = new Map(collections.filter(isUneven).map((collection) => [collection.uuid, collection]));
  return {
    until: [...uneven.values()].map(startOf).reduce((newest, time) => (time > newest ? time : newest), 0n),
    decide: (uuid, operation, time) => {
      const collection = uuid === null ? undefined : uneven.get(uuid);
      if (!collection || !isWrite(operation) || time > startOf(collection)) return "skip";
      if (time <= rangeTime(collection, operation.key)) return "skip";
      return again ? "converge" : "forward";
    },
  };
}

/** When the range that holds this document was read. */
function rangeTime({ options, namespace, parts }: SnapshotCollection, key: Buffer): ClusterTime {
  if (!idsAreComparable(options)) throw new TypeError(`${namespace} was read in ranges, whose order is not known`);
  const range = parts.find(({ upTo }) => upTo === null || compareIds(key, upTo) <= 0);
  return range!.readAt;
}

/**
 * For a copy that another tool (mongodump, a file copy of one collection after another) read while its source was written to, between `after` and
 * `until`: the changes of that time may be in it or not, so they are applied in the way that leads to the same end either way. DDL has no such way,
 * so none may have happened then.
 */
export async function copyFilter(log: Store, after: ClusterTime, until: ClusterTime): Promise<ReplayFilter> {
  const [ddl] = await readDdlEvents(log, after, until);
  if (ddl)
    throw new OplogError(
      "BAD_INPUT",
      `While the copy was read, ${ddl.namespace} was created, dropped, renamed, or its indexes or options changed (${formatClusterTime(ddl.time)}): what such a copy holds can't be told`,
      { hint: "Copy again when no collection is changed, or take a base snapshot with `oplog snapshot`, which copes with that." },
    );
  return { until, decide: () => "converge" };
}
