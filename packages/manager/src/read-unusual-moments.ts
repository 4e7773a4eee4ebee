import { dateOf, formatClusterTime, readEvents, type Store } from "@oplog-collector/collector-core";
import { startingAfter } from "./segment-search.js";
import { DROPS, factsOf, type SegmentFacts, type UnusualMoment, unusualCounts } from "./unusual-moments.js";

/** At a segment a second this is five hours; reading more headers takes longer than a page waits. */
const MAX_SEGMENTS = 20_000;

/** A timeline with more marks shows none. */
const MAX_DROPS = 100;
const MAX_MOMENTS = 200;

/** Of the newest part of a log, the newest last. Drops to the event, the rest to the segment. */
export async function readUnusualMoments(store: Store): Promise<UnusualMoment[]> {
  const segments: SegmentFacts[] = [];
  for await (const { header } of store.headers({ reverse: true })) {
    segments.push(factsOf(header));
    if (segments.length >= MAX_SEGMENTS) break;
  }
  segments.reverse();
  const drops = await readDrops(store, segments);
  return [...unusualCounts(segments), ...drops].sort((a, b) => a.at.localeCompare(b.at)).slice(-MAX_MOMENTS);
}

async function readDrops(store: Store, segments: readonly SegmentFacts[]): Promise<UnusualMoment[]> {
  const holding = new Set(
    segments
      .filter(({ counts }) => counts.some(({ operation }) => DROPS.includes(operation)))
      .map(({ number }) => number)
      .slice(-MAX_DROPS),
  );
  const [first] = holding;
  if (first === undefined) return [];
  const drops: UnusualMoment[] = [];
  for await (const { kind, clusterTime } of readEvents(startingAfter(store, first - 1), { wanted: ({ number }) => holding.has(number) }))
    if (DROPS.includes(kind.operation))
      drops.push({
        kind: "drop",
        at: dateOf(clusterTime).toISOString(),
        before: formatClusterTime(clusterTime - 1n),
        namespace: kind.namespace,
        operation: kind.operation,
        events: 1,
      });
  return drops.slice(-MAX_DROPS);
}
