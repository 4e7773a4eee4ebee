import type { ClusterTime } from "./cluster-time.js";
import { ChangeEventScan, type EventKind } from "./event.js";
import { OplogEntryScan } from "./oplog-entry.js";
import { decodeHeader, type EventFormat, readPayload, type SegmentHeader } from "./segment.js";
import type { Store } from "./store.js";

/** An event of the log, as the server sent it. */
export interface StoredEvent {
  format: EventFormat;
  /** Its BSON bytes: a view into the segment's payload, to be copied if it is kept. */
  bytes: Buffer;
  clusterTime: ClusterTime;
  kind: EventKind;
  segment: number;
}

export interface ReadEventsOptions {
  /** Exclusive. */
  after?: ClusterTime;
  /** Inclusive. */
  to?: ClusterTime;
  /** Segments for which this is false are not read: it sees their header. */
  wanted?: (header: SegmentHeader) => boolean;
}

/** The events of `(after, to]` in order. Holds one segment in memory. Throws `DAMAGED` at a segment that is not what was stored. */
export async function* readEvents(
  store: Store,
  { after = -1n, to, wanted = () => true }: ReadEventsOptions = {},
): AsyncGenerator<StoredEvent> {
  const scans = { "change-event": new ChangeEventScan(), "oplog-entry": new OplogEntryScan() };
  for await (const stored of store.headers()) {
    const header = decodeHeader(stored.header);
    // Another segment in its place: coverage says that the one which should be here is missing.
    if (header.number !== stored.number) continue;
    if (header.events === 0 || header.to.clusterTime <= after) continue;
    // Inside one cluster time a segment may end and the next begin, so only what begins later is out.
    if (to !== undefined && header.from.clusterTime > to) return;
    if (!wanted(header)) continue;
    const segment = await store.read(stored.number);
    if (!segment) continue;
    const payload = await readPayload(segment, header);
    const scan = header.format === "oplog-entry" ? scans["oplog-entry"] : scans["change-event"];
    for (let at = 0; at < payload.length; ) {
      const end = scan.read(payload, at);
      const time = scan.clusterTime;
      if (to !== undefined && time > to) return;
      if (time > after)
        yield { format: header.format, bytes: payload.subarray(at, end), clusterTime: time, kind: scan.kind, segment: stored.number };
      at = end;
    }
  }
}
