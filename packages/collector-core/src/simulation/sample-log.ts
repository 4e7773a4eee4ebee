import { positionOfToken, tokenFromData } from "../position.js";
import { type SealedSegment, type SegmentHeader, sealSegment } from "../segment.js";
import type { Store } from "../store.js";
import { memoryStoreLocation } from "../stores/memory-store.js";
import { type History, type HistoryEvent, highWaterToken } from "./history.js";

export const SAMPLE_LOG = "shop";

const source = { replicaSetId: "set-1", setName: "rs", sharded: false, version: "6.0.5", database: null };

/** The segments of a log that holds that history: a start, then as many events in each as the cuts say, over and over. */
export function segmentsOf({ events }: History, cuts: readonly number[]): SealedSegment[] {
  const first = events[0]!.time - 1n;
  const beginning = positionOfToken(tokenFromData(highWaterToken(first)));
  const segments: SealedSegment[] = [];
  const add = (fields: Pick<SegmentHeader, "kind" | "from" | "to" | "coveredTo">, held: readonly HistoryEvent[]) => {
    const payload = Buffer.concat(held.map(({ bytes }) => bytes));
    const header: SegmentHeader = {
      ...fields,
      number: segments.length + 1,
      log: SAMPLE_LOG,
      previous: segments.at(-1)?.hash ?? null,
      sealedAt: new Date(0),
      format: "change-event",
      events: held.length,
      bytes: payload.length,
      counts: held.length > 0 ? [{ namespace: "shop.orders", operation: "insert", events: held.length }] : [],
      codec: "none",
      source,
    };
    segments.push(sealSegment(header, payload));
  };
  add({ kind: "start", from: beginning, to: beginning, coveredTo: first }, []);
  for (let at = 0, from = beginning, turn = 0; at < events.length; turn++) {
    const end = Math.min(events.length, at + cuts[turn % cuts.length]!);
    const to = positionOfToken(tokenFromData(events[end - 1]!.token));
    // Complete is what is before the next event's cluster time.
    const complete = end === events.length ? events : events.filter(({ time }) => time < events[end]!.time);
    add({ kind: "events", from, to, coveredTo: complete.at(-1)?.time ?? first }, events.slice(at, end));
    at = end;
    from = to;
  }
  return segments;
}

export async function storeOf(segments: readonly SealedSegment[]): Promise<Store> {
  const store = await memoryStoreLocation().log(SAMPLE_LOG);
  for (const segment of segments) await store.append(segment);
  return store;
}
