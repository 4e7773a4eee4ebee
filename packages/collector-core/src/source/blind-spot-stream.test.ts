import fc from "fast-check";
import { BSON, type Document, Long, Timestamp } from "mongodb";
import { expect, test } from "vitest";
import { type Batch, coveredAfter, positionAfter, startOf } from "../batch.js";
import type { ClusterTime } from "../cluster-time.js";
import { comparePositions, type Position, positionOfToken, tokenFromData } from "../position.js";
import { BlindSpotStream } from "./blind-spot-stream.js";
import { ReplyReader } from "./reply-batch.js";
import type { EventStream } from "./source.js";

/** A moment of the source: events that the stream shows (several in a transaction), an entry that it does not show, or nothing for a log. */
type Moment = { shown: number } | "blind" | "noop";

const hex = (time: bigint) => time.toString(16).toUpperCase().padStart(16, "0");
const highWater = (time: bigint) => tokenFromData(`82${hex(time)}2B0229296E04`);
const eventToken = (time: bigint, index: number) =>
  tokenFromData(`82${hex(time)}2B022C01${index.toString(16).toUpperCase().padStart(4, "0")}46645F696400`);

const eventOf = (time: bigint, index: number): Document => ({
  _id: BSON.deserialize(eventToken(time, index)),
  operationType: "insert",
  clusterTime: new Timestamp(time),
  wallTime: new Date(Number(time)),
  ns: { db: "shop", coll: "orders" },
  n: `${time}.${index}`,
});

const blindEntry = (time: bigint): Buffer =>
  Buffer.from(
    BSON.serialize({
      op: "c",
      ns: "admin.$cmd",
      o: { applyOps: [] },
      ts: new Timestamp(time),
      t: Long.ONE,
      wall: new Date(Number(time)),
      n: `${time}`,
    }),
  );

/** The stream's replies over moments 1, 2, 3, …: cut anywhere, also inside a transaction; with an empty reply at the end. */
async function* replies(moments: Moment[], sizes: number[], from: Position): AsyncGenerator<Batch> {
  const reader = new ReplyReader(from, from.token ? from.clusterTime - 1n : from.clusterTime, false);
  const events = moments.flatMap((moment, at) =>
    typeof moment === "object" ? Array.from({ length: moment.shown }, (_, index) => ({ time: BigInt(at + 1), index })) : [],
  );
  const after = events.filter(({ time, index }) => comparePositions(positionOfToken(eventToken(time, index)), from) > 0);
  let at = 0;
  for (let reply = 0; at < after.length; reply++) {
    const some = after.slice(at, at + sizes[reply % sizes.length]!);
    at += some.length;
    const { time, index } = some.at(-1)!;
    // As the server: after the last event of a cluster time, as far as it has looked; in the middle of it, that event.
    const next = after[at];
    const token = next?.time === time ? eventToken(time, index) : next && reply % 2 === 0 ? highWater(next.time) : eventToken(time, index);
    yield reader.read({ id: 1n, documents: arrayOf(some.map(({ time, index }) => eventOf(time, index))), postBatchToken: token }, 0);
  }
  // The no-op that ends every run is what the high-water mark stands at.
  yield reader.read({ id: 1n, documents: arrayOf([]), postBatchToken: highWater(BigInt(moments.length + 1)) }, 0);
}

function arrayOf(documents: Document[]): Buffer {
  return Buffer.from(BSON.serialize({ ...documents }));
}

const BEGINNING: Position = positionOfToken(highWater(1n));

function streamOf(moments: Moment[], sizes: number[], position: Position): EventStream {
  return {
    position,
    coveredTo: position.clusterTime - 1n,
    notes: [],
    report: async () => ({ at: "", capture: "change-stream", because: null, complete: true, findings: [], cut: null }),
    close: async () => {},
    [Symbol.asyncIterator]: () => replies(moments, sizes, position),
  };
}

/** What is told apart in a log: the events and entries by their `n`. */
const names = (batches: Batch[]): string[] =>
  batches.flatMap((batch) => Array.from({ length: batch.events }, (_, event) => nameOf(batch, event)));
const nameOf = (batch: Batch, event: number): string =>
  BSON.deserialize(batch.payload.subarray(startOf(batch, event), batch.ends[event])).n;

const moment: fc.Arbitrary<Moment> = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 1, max: 4 }).map((shown) => ({ shown })) },
  { weight: 2, arbitrary: fc.constant<Moment>("blind") },
  { weight: 1, arbitrary: fc.constant<Moment>("noop") },
);
const sizes = fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 8 });

/** From where a stream that is opened at a position has to look. */
const lookFrom = ({ token, clusterTime }: Position) => (token?.equals(highWater(clusterTime)) ? clusterTime - 1n : clusterTime);

async function readAll(moments: Moment[], replySizes: number[], from: Position, heldMs: number): Promise<Batch[]> {
  let now = 0;
  const find = async (after: ClusterTime, to: ClusterTime) =>
    moments.flatMap((one, at) => (one === "blind" && BigInt(at + 1) > after && BigInt(at + 1) <= to ? [blindEntry(BigInt(at + 1))] : []));
  const stream = new BlindSpotStream(streamOf(moments, replySizes, from), find, lookFrom(from), () => (now += heldMs));
  const batches: Batch[] = [];
  for await (const batch of stream) batches.push(batch);
  return batches;
}

const expected = (moments: Moment[]): string[] =>
  moments.flatMap((one, at) =>
    one === "blind" ? [`${at + 1}`] : one === "noop" ? [] : Array.from({ length: one.shown }, (_, index) => `${at + 1}.${index}`),
  );

test("what the stream does not show comes in its place, once, whether batches are looked after one by one or together", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(moment, { maxLength: 30 }), sizes, fc.constantFrom(0, 10, 1_000), async (moments, replySizes, heldMs) => {
      const batches = await readAll(moments, replySizes, BEGINNING, heldMs);
      expect(names(batches)).toEqual(expected(moments));
      expect(batches.every(({ format, events }) => format === "change-event" || events === 1)).toBe(true);
    }),
  );
});

test("reading on after any event or entry gives the rest, once, and no end of a segment claims more than it holds", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(moment, { minLength: 1, maxLength: 20 }), sizes, fc.nat(), async (moments, replySizes, at) => {
      const all = expected(moments);
      const batches = await readAll(moments, replySizes, BEGINNING, 10);
      let before = BEGINNING.clusterTime - 1n;
      const ends: { position: Position; coveredTo: ClusterTime; stored: number }[] = [];
      let stored = 0;
      for (const batch of batches) {
        for (let count = 1; count <= batch.events; count++)
          ends.push({ position: positionAfter(batch, count), coveredTo: coveredAfter(batch, count, before), stored: ++stored });
        if (batch.events === 0) ends.push({ position: batch.position, coveredTo: batch.coveredTo, stored });
        before = batch.coveredTo > before ? batch.coveredTo : before;
      }
      for (let i = 1; i < ends.length; i++) expect(comparePositions(ends[i]!.position, ends[i - 1]!.position)).toBeGreaterThanOrEqual(0);
      for (const { coveredTo, stored } of ends)
        for (const name of all.slice(stored)) expect(BigInt(name.split(".")[0]!)).toBeGreaterThan(coveredTo);
      const end = ends[at % ends.length]!;
      expect(names(await readAll(moments, replySizes, end.position, 10))).toEqual(all.slice(end.stored));
    }),
  );
});

test("what a newer server shows after all is not stored twice", async () => {
  const find = async () => [blindEntry(1n), blindEntry(2n)];
  const stream = new BlindSpotStream(streamOf([{ shown: 2 }, "blind", { shown: 1 }], [3], BEGINNING), find, 0n);
  const batches: Batch[] = [];
  for await (const batch of stream) batches.push(batch);
  expect(names(batches.slice(0, 3))).toEqual(["1.0", "1.1", "2", "3.0"]);
});

test("no batch goes on when what belongs in between could not be read", async () => {
  const stream = new BlindSpotStream(streamOf([{ shown: 1 }], [1], BEGINNING), () => Promise.reject(new Error("gone")), 0n);
  await expect(stream[Symbol.asyncIterator]().next()).rejects.toThrow("gone");
});
