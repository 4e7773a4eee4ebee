import type { ClusterTime } from "@oplog-collector/collector-core";

/** One segment as retention sees it. */
export interface KeptSegment {
  number: number;
  /** Begins a timeline: its first segment, or the first one that is left of it. */
  begins: boolean;
  /** The end of its events. */
  to: ClusterTime;
  storedBytes: number;
}

export interface KeptSnapshot {
  id: string;
  /** The log must hold everything after this time. */
  takenFrom: ClusterTime;
  /** From here on, with the log, every time can be restored. */
  restorableFrom: ClusterTime;
  storedBytes: number;
}

export interface RetentionInput {
  /** What log and snapshots may have together, as stored; absent: any size. */
  maxBytes?: number;
  /** Nothing after this time goes for its age; null: nothing goes for its age. */
  cutoff: ClusterTime | null;
  /** In the order of their numbers. */
  segments: readonly KeptSegment[];
  snapshots: readonly KeptSnapshot[];
}

export interface RetentionPlan {
  /** Segments up to and including this number go, the oldest first; null: none. */
  removeUpTo: number | null;
  /** Then these go: nothing is left that needs them. */
  removeSnapshots: string[];
  /** How far it stays above `maxBytes`, because what is left hangs on the one base snapshot that it has; 0 when it fits. */
  bytesTooMany: number;
}

/**
 * What may go. The log is cut at whole segments, from its old end, and where there are base snapshots only up to the beginning of one of them: a
 * range is never left without the snapshot it is restored from. The newest segment stays always, as the next one is chained to it.
 */
export function planRetention({ maxBytes, cutoff, segments, snapshots }: RetentionInput): RetentionPlan {
  const ordered = [...snapshots].sort((a, b) => (a.takenFrom < b.takenFrom ? -1 : 1));
  let cut = cutoff === null ? NOTHING : cutForAge(cutoff, segments, ordered);
  if (maxBytes !== undefined && sizeAfter(cut, segments, ordered) > maxBytes) cut = cutForSize(maxBytes, cut, segments, ordered);
  const left = sizeAfter(cut, segments, ordered);
  return {
    removeUpTo: cut.upTo > 0 && segments.some(({ number }) => number <= cut.upTo) ? cut.upTo : null,
    removeSnapshots: ordered.slice(0, cut.snapshots).map(({ id }) => id),
    bytesTooMany: maxBytes === undefined ? 0 : Math.max(0, left - maxBytes),
  };
}

/** Segments up to this number and so many of the oldest snapshots go. */
interface Cut {
  upTo: number;
  snapshots: number;
}

const NOTHING: Cut = { upTo: 0, snapshots: 0 };

/** Every time from the cutoff on stays as restorable as it was. */
function cutForAge(cutoff: ClusterTime, segments: readonly KeptSegment[], snapshots: readonly KeptSnapshot[]): Cut {
  const begun = timelineAt(cutoff, segments);
  // The newest snapshot from which the cutoff can be restored; one from before a gap can't reach it.
  const base = snapshots.findLastIndex(({ takenFrom, restorableFrom }) => restorableFrom <= cutoff && takenFrom >= begun);
  if (base >= 0) return { upTo: lastEndedBy(snapshots[base]!.takenFrom, segments), snapshots: base };
  const needed = snapshots.findIndex(({ takenFrom }) => takenFrom >= begun);
  const bound = needed >= 0 && snapshots[needed]!.takenFrom < cutoff ? snapshots[needed]!.takenFrom : cutoff;
  return { upTo: lastEndedBy(bound, segments), snapshots: needed >= 0 ? needed : snapshots.length };
}

/** The least that makes it fit, in the steps that there are; the last snapshot stays. */
function cutForSize(maxBytes: number, from: Cut, segments: readonly KeptSegment[], snapshots: readonly KeptSnapshot[]): Cut {
  if (snapshots.length === 0) {
    for (const { number } of segments.slice(0, -1)) {
      const cut = { upTo: Math.max(number, from.upTo), snapshots: 0 };
      if (sizeAfter(cut, segments, snapshots) <= maxBytes) return cut;
    }
    return { upTo: segments.at(-2)?.number ?? 0, snapshots: 0 };
  }
  let cut = from;
  for (let drop = from.snapshots; drop < snapshots.length; drop++) {
    // What is before the oldest snapshot that stays can't be restored from any; it goes segment by segment.
    const last = lastEndedBy(snapshots[drop]!.takenFrom, segments);
    for (const { number } of segments) {
      if (number <= cut.upTo || number > last) continue;
      cut = { upTo: number, snapshots: drop };
      if (sizeAfter(cut, segments, snapshots) <= maxBytes) return cut;
    }
    cut = { upTo: Math.max(cut.upTo, last), snapshots: drop };
    if (sizeAfter(cut, segments, snapshots) <= maxBytes) return cut;
  }
  return cut;
}

function sizeAfter({ upTo, snapshots: dropped }: Cut, segments: readonly KeptSegment[], snapshots: readonly KeptSnapshot[]): number {
  const ofLog = segments.reduce((sum, { number, storedBytes }) => (number > upTo ? sum + storedBytes : sum), 0);
  return snapshots.slice(dropped).reduce((sum, { storedBytes }) => sum + storedBytes, ofLog);
}

/** The number of the last segment that holds nothing after `time`; never the newest one, 0 when there is none. */
function lastEndedBy(time: ClusterTime, segments: readonly KeptSegment[]): number {
  let last = 0;
  for (const { number, to } of segments.slice(0, -1)) {
    if (to > time) break;
    last = number;
  }
  return last;
}

/** Where the timeline begins that `time` lies in. */
function timelineAt(time: ClusterTime, segments: readonly KeptSegment[]): ClusterTime {
  let begun = -1n;
  for (const { begins, to } of segments) if (begins && to <= time) begun = to;
  return begun;
}
