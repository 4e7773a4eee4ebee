import { BSON, Timestamp } from "mongodb";
import { clusterTime, dateOf } from "../cluster-time.js";
import { type Position, tokenFromData } from "../position.js";
import { type SealedSegment, type SegmentHeader, sealSegment } from "../segment.js";
import type { Checkpoint, Writer } from "../store.js";

/** The second in which the samples' history begins: any, but the same in every run. */
const FIRST_SECOND = 1_700_000_000;

export interface SampleSegment extends Partial<SegmentHeader> {
  number: number;
  /** BSON documents, one after another; two small ones unless told. */
  payload?: Buffer;
}

/** The position `second` seconds into the samples' history; its token has the form of a server's. */
export function samplePosition(second: number): Position {
  const time = clusterTime(FIRST_SECOND + second, 1);
  return { token: tokenFromData(`82${time.toString(16).padStart(16, "0")}2B0229296E04`), clusterTime: time, wallTime: dateOf(time) };
}

/** A change event as a server sends it, the `index`-th of a segment. */
function sampleEvent(number: number, index: number): Uint8Array {
  const { clusterTime, wallTime } = samplePosition(number);
  return BSON.serialize({
    _id: { _data: `82${clusterTime.toString(16).padStart(16, "0")}2B02${index.toString(16).padStart(2, "0")}` },
    operationType: "insert",
    clusterTime: new Timestamp(clusterTime),
    wallTime,
    fullDocument: { _id: number, index },
    ns: { db: "shop", coll: "orders" },
    documentKey: { _id: number },
  });
}

/** A segment as a segment writer seals it, with the second `number - 1` to `number` in it. The same arguments give the same bytes. */
export function sampleSegment({ number, payload, ...header }: SampleSegment): SealedSegment {
  const events = payload ?? Buffer.concat([0, 1].map((i) => sampleEvent(number, i)));
  const to = samplePosition(number);
  const complete: SegmentHeader = {
    number,
    kind: "events",
    log: "orders",
    previous: number > 1 ? Buffer.alloc(32, number - 1) : null,
    sealedAt: dateOf(to.clusterTime),
    from: samplePosition(number - 1),
    to,
    coveredTo: to.clusterTime,
    format: "change-event",
    events: 2,
    bytes: events.length,
    counts: [{ namespace: "shop.orders", operation: "insert", events: 2 }],
    codec: "none",
    ...header,
  };
  return sealSegment(complete, events);
}

/** A checkpoint at that second, by that writer. */
export const sampleCheckpoint = (second: number, writer: string | Writer | null, fields: Partial<Checkpoint> = {}): Checkpoint => ({
  position: samplePosition(second),
  coveredTo: samplePosition(second).clusterTime,
  afterSegment: second,
  writer: typeof writer === "string" ? { id: writer, host: "host-1", pid: 4242 } : writer,
  at: dateOf(samplePosition(second).clusterTime),
  ...fields,
});
