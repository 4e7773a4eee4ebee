import { type ClusterTime, decodeHeader, type SegmentHeader, type Store } from "@oplog-collector/collector-core";

/** The store, read from after that segment on: a long log is not read from its beginning to show its end. */
export const startingAfter = (store: Store, after: number): Store => ({
  append: (segment) => store.append(segment),
  headers: (range) => store.headers({ after, ...range }),
  read: (number) => store.read(number),
  readCheckpoint: () => store.readCheckpoint(),
  writeCheckpoint: (checkpoint, options) => store.writeCheckpoint(checkpoint, options),
  remove: (upTo) => store.remove(upTo),
  close: () => store.close(),
});

/** The number of the last segment that holds nothing after `time`, by halving; 0 when every segment may. */
export async function segmentBefore(store: Store, time: ClusterTime | undefined): Promise<number> {
  if (time === undefined) return 0;
  let low = 0;
  let high = (await firstOf(store, { reverse: true }))?.number ?? 0;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    // The first one after the middle: numbers at the beginning may have been pruned.
    const found = await firstOf(store, { after: middle });
    if (!found) high = middle;
    else if (found.to.clusterTime <= time) low = Math.min(found.number, high);
    else high = middle;
  }
  return low;
}

async function firstOf(store: Store, range: { after?: number; reverse?: boolean }): Promise<SegmentHeader | null> {
  for await (const { header } of store.headers(range)) return decodeHeader(header);
  return null;
}
