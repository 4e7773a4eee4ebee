import {
  decodeHeader,
  type LogRange,
  type ReadEventsOptions,
  readRange,
  type Store,
  type StoredEvent,
  type StoredHeader,
} from "@oplog-collector/collector-core";

/** The events of a range from its end to its beginning, one segment in memory. `upTo`: segments after that one are left out. */
export async function* readRangeNewestFirst(
  store: Store,
  range: LogRange,
  wanted: NonNullable<ReadEventsOptions["wanted"]>,
  upTo = Number.POSITIVE_INFINITY,
): AsyncGenerator<StoredEvent> {
  // Of a token's own cluster time a part may be in.
  const after = range.after === undefined ? -1n : range.after - (range.afterToken === undefined ? 0n : 1n);
  for await (const stored of store.headers({ reverse: true })) {
    if (stored.number > upTo) continue;
    const header = decodeHeader(stored.header);
    if (header.to.clusterTime <= after && header.number === stored.number) return;
    if ((range.to !== undefined && header.from.clusterTime > range.to) || !wanted(header)) continue;
    const events: StoredEvent[] = [];
    for await (const event of readRange(withOnly(store, stored), range)) events.push(event);
    yield* events.reverse();
  }
}

/** The store as if it held that one segment. */
const withOnly = (store: Store, stored: StoredHeader): Store => ({
  append: (segment) => store.append(segment),
  async *headers() {
    yield stored;
  },
  read: (number) => store.read(number),
  readCheckpoint: () => store.readCheckpoint(),
  writeCheckpoint: (checkpoint, options) => store.writeCheckpoint(checkpoint, options),
  remove: (upTo) => store.remove(upTo),
  close: () => store.close(),
});
