import type { Coverage } from "../api/answers.js";
import { formatUtc, millisecondsOf } from "../format/times.js";

/** What can be done with a moment, in words. */
export interface Standing {
  kind: "restorable" | "no-snapshot" | "gap" | "outside";
  words: string;
}

/**
 * Whether a moment can be restored, as far as coverage says it: the plan says it for certain. A moment is milliseconds since 1970; `coveredTo` is newer
 * than the coverage that was read.
 */
export function standingOf(time: number, { timelines, gaps, snapshots }: Coverage, coveredTo: string | null): Standing {
  const gap = gaps.find(({ from, to }) => time > millisecondsOf(from.clusterTime) && time < millisecondsOf(to.clusterTime));
  if (gap) return { kind: "gap", words: `In a gap: ${gap.cause}` };
  const timeline = timelines.find(({ from, to }, index) => {
    const end = index === timelines.length - 1 && coveredTo ? Math.max(endOf(coveredTo), endOf(to.clusterTime)) : endOf(to.clusterTime);
    return time >= millisecondsOf(from.clusterTime) && time < end;
  });
  if (!timeline) return { kind: "outside", words: "Not covered by the log" };
  const begins = millisecondsOf(timeline.from.clusterTime);
  const base = snapshots
    .filter(({ restorableFrom, takenFrom }) => endOf(restorableFrom) <= time + 1_000 && millisecondsOf(takenFrom) >= begins)
    .at(-1);
  if (!base) return { kind: "no-snapshot", words: "Covered, with no base snapshot before it: it can be applied onto a backup of yours" };
  return { kind: "restorable", words: `Can be restored, from the base snapshot of ${formatUtc(millisecondsOf(base.restorableFrom))} UTC` };
}

/** A cluster time's second belongs to it as a whole: what is shown has no finer step there. */
const endOf = (clusterTime: string): number => millisecondsOf(clusterTime) + 1_000;
