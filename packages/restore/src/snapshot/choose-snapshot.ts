import { type ClusterTime, type Coverage, formatClusterTime, OplogError, timelineFor } from "@oplog-collector/collector-core";
import type { Snapshot } from "./list-snapshots.js";

const APPLY_HINT =
  "Take one with `oplog snapshot` while the collector runs, then restore to a time after it. To apply the log to a target that holds what the source held at a time that you know, use `oplog apply --from`.";

/** The newest snapshot from which the log reaches `to` without a gap. State in, decision out; throws `OUTSIDE_COVERAGE` saying what is missing. */
export function chooseSnapshot(snapshots: readonly Snapshot[], coverage: Coverage, to: ClusterTime): Snapshot {
  if (snapshots.length === 0)
    throw new OplogError(
      "OUTSIDE_COVERAGE",
      "The log has no complete base snapshot, and a log alone does not say what was there before it",
      {
        hint: APPLY_HINT,
      },
    );
  const before = snapshots.filter(({ restorableFrom }) => restorableFrom <= to);
  if (before.length === 0) {
    const earliest = snapshots.reduce(
      (least, { restorableFrom }) => (restorableFrom < least ? restorableFrom : least),
      snapshots[0]!.restorableFrom,
    );
    throw new OplogError(
      "OUTSIDE_COVERAGE",
      `With the base snapshots there are, the log can be restored from ${formatClusterTime(earliest)} on, not to ${formatClusterTime(to)}`,
      {
        hint: "Choose a later time; range lists the snapshots.",
      },
    );
  }
  const newestFirst = before.toSorted((a, b) => (a.restorableFrom > b.restorableFrom ? -1 : 1));
  let hole: unknown;
  for (const snapshot of newestFirst) {
    try {
      timelineFor(coverage, snapshot.takenFrom, to, formatClusterTime);
      return snapshot;
    } catch (error) {
      hole ??= error;
    }
  }
  throw hole;
}
