import fc from "fast-check";
import { BSON, type Document, Long, Timestamp } from "mongodb";
import { expect, test } from "vitest";
import { type Batch, coveredAfter, positionAfter, startOf, timeOf } from "../batch.js";
import type { ClusterTime } from "../cluster-time.js";
import { documentsIn } from "../raw-bson.js";
import { OplogBatchReader } from "./oplog-batch.js";

/** What the test's oplog is made of; the times are its ordinals. */
type Step = "insert" | "noop" | "session" | "part" | "end" | "prepare" | "commit";

/** Entries with the cluster times 1, 2, 3, …, chained as the server chains them. `open`: a transaction is open after it. */
function makeEntries(steps: Step[]): { bytes: Buffer; kept: boolean; open: boolean }[] {
  let chain: bigint | null = null;
  let prepared: bigint[] = [];
  return steps.map((wanted, index) => {
    const time = BigInt(index + 1);
    // A chain is written in one go: once begun, it is gone on with.
    const step = chain ? (wanted === "prepare" || wanted === "part" ? wanted : "end") : wanted === "end" ? "insert" : wanted;
    const command = (o: Document, previous: bigint) => ({
      op: "c",
      ns: "admin.$cmd",
      o,
      prevOpTime: { ts: new Timestamp(previous), t: Long.ONE },
    });
    let entry: Document = { op: "i", ns: "shop.orders", o: { _id: index, pad: "x".repeat(index % 50) } };
    if (step === "noop") entry = { op: "n", ns: "", o: { msg: "periodic noop" } };
    else if (step === "session") entry = { op: "u", ns: "config.system.sessions", o: { $v: 2 } };
    else if (step === "part" || step === "prepare") {
      entry = command({ applyOps: [], [step === "part" ? "partialTxn" : "prepare"]: true }, chain ?? 0n);
      chain = time;
      if (step === "prepare") {
        prepared.push(chain);
        chain = null;
      }
    } else if (step === "end") {
      entry = command({ applyOps: [] }, chain!);
      chain = null;
    } else if (step === "commit" && prepared.length > 0) {
      const [decided, ...rest] = prepared;
      prepared = rest;
      entry = command({ commitTransaction: 1 }, decided!);
    }
    return {
      bytes: Buffer.from(BSON.serialize({ ...entry, ts: new Timestamp(time), t: Long.ONE, v: Long.fromNumber(2), wall: new Date(index) })),
      kept: step !== "noop" && step !== "session",
      open: prepared.length > 0 || chain !== null,
    };
  });
}

/** As in a reply: a BSON array. */
function arrayOf(documents: Buffer[]): Buffer {
  const elements = documents.map((bytes, index) => Buffer.concat([Buffer.from([3]), Buffer.from(`${index}\0`), bytes]));
  const size = elements.reduce((sum, { length }) => sum + length, 5);
  const head = Buffer.alloc(4);
  head.writeInt32LE(size);
  return Buffer.concat([head, ...elements, Buffer.from([0])]);
}

const BEGINNING = { token: null, clusterTime: 0n, wallTime: null };

const steps = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.constant<Step>("insert") },
    { weight: 5, arbitrary: fc.constantFrom<Step>("noop", "session", "part", "end", "prepare", "commit", "commit") },
  ),
  { maxLength: 60 },
);

/** Where replies end. */
const cuts = fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 30 });

function inReplies<T>(all: T[], sizes: number[]): T[][] {
  const replies: T[][] = [];
  for (let at = 0, reply = 0; at < all.length; reply++) {
    const size = sizes[reply % sizes.length]!;
    replies.push(all.slice(at, at + size));
    at += size;
  }
  return replies;
}

test("a batch holds the bytes of what is kept, in order, and stands at the last entry read", () => {
  fc.assert(
    fc.property(steps, cuts, (plan, sizes) => {
      const entries = makeEntries(plan);
      const reader = new OplogBatchReader(BEGINNING, 0n);
      let read = 0;
      for (const reply of inReplies(entries, sizes)) {
        const batch = reader.read(arrayOf(reply.map(({ bytes }) => bytes)), 99);
        read += reply.length;
        const kept = reply.filter((entry) => entry.kept).map(({ bytes }) => bytes.toString("hex"));
        expect([...documentsIn(batch.payload)].map((bytes) => bytes.toString("hex"))).toEqual(kept);
        expect(
          Array.from({ length: batch.events }, (_, event) =>
            batch.payload.subarray(startOf(batch, event), batch.ends[event]).toString("hex"),
          ),
        ).toEqual(kept);
        expect(batch.kinds.length).toBe(kept.length);
        expect(batch.position).toEqual({ token: null, clusterTime: BigInt(read), wallTime: new Date(read - 1) });
        expect([batch.caughtUp, batch.currentTo]).toEqual([false, read - 1]);
      }
    }),
  );
});

test("wherever a segment ends, it claims to be complete only up to where no transaction was open", () => {
  fc.assert(
    fc.property(steps, cuts, (plan, sizes) => {
      const entries = makeEntries(plan);
      const reader = new OplogBatchReader(BEGINNING, 0n);
      let before: ClusterTime = 0n;
      for (const reply of inReplies(entries, sizes)) {
        const batch: Batch = reader.read(arrayOf(reply.map(({ bytes }) => bytes)), 99);
        for (let count = 1; count <= batch.events; count++) {
          const covered = coveredAfter(batch, count, before);
          const position = positionAfter(batch, count).clusterTime;
          expect(covered).toBeLessThanOrEqual(position);
          expect(covered > 0n && entries[Number(covered) - 1]!.open).toBe(false);
        }
        expect(batch.coveredTo).toBeGreaterThanOrEqual(before);
        before = batch.coveredTo;
        // The newest place where nothing was open, and no older one.
        const clean = entries.slice(0, Number(batch.position.clusterTime)).findLastIndex(({ open }) => !open);
        expect(batch.coveredTo).toBe(BigInt(clean + 1));
      }
    }),
  );
});

test("a reader that goes on in the middle of transactions knows of them when it looks back to where the log is complete", () => {
  fc.assert(
    fc.property(steps, fc.nat(), (plan, at) => {
      const entries = makeEntries(plan);
      if (entries.length === 0) return;
      const stored = (at % entries.length) + 1;
      const whole = new OplogBatchReader(BEGINNING, 0n);
      const { position, coveredTo } = whole.read(arrayOf(entries.slice(0, stored).map(({ bytes }) => bytes)), 99);
      const resumed = new OplogBatchReader(position, coveredTo);
      resumed.lookBack(arrayOf(entries.slice(Math.max(0, Number(coveredTo) - 1), stored).map(({ bytes }) => bytes)), coveredTo);
      for (const { bytes } of entries.slice(stored)) {
        const [one, other] = [whole.read(arrayOf([bytes]), 99), resumed.read(arrayOf([bytes]), 99)];
        expect([other.position, other.coveredTo]).toEqual([one.position, one.coveredTo]);
      }
    }),
  );
});

test("an empty reply moves nothing, and says that nothing was outstanding when it was asked for", () => {
  const reader = new OplogBatchReader(BEGINNING, 0n);
  reader.read(arrayOf(makeEntries(["insert"]).map(({ bytes }) => bytes)), 99);
  const batch = reader.read(arrayOf([]), 1234);
  expect(batch).toMatchObject({
    events: 0,
    coveredTo: 1n,
    currentTo: 1234,
    caughtUp: true,
    position: { clusterTime: 1n, wallTime: new Date(0) },
  });
});

test("more entries than room was made for", () => {
  const entries = makeEntries(Array.from({ length: 40_000 }, () => "insert"));
  const batch = new OplogBatchReader(BEGINNING, 0n).read(arrayOf(entries.map(({ bytes }) => bytes)), 99);
  expect([batch.events, timeOf(batch, 39_999), batch.ends[39_999]]).toEqual([40_000, 40_000n, batch.payload.length]);
});
