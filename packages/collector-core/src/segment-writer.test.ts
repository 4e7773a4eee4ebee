import { describe, expect, test } from "vitest";
import type { Batch } from "./batch.js";
import { type Codec, compress } from "./codec.js";
import type { SegmentLimits } from "./open-segment.js";
import { positionOfToken, tokenFromData } from "./position.js";
import { decodeHeader, type SealedSegment } from "./segment.js";
import { SegmentWriter } from "./segment-writer.js";
import { element, History, highWaterToken, wrap } from "./simulation/history.js";
import { Random } from "./simulation/random.js";
import { RUN_START } from "./simulation/scenario.js";
import { ReplyReader } from "./source/reply-batch.js";

const EVENTS = 12;
const history = new History(new Random(7), {
  from: RUN_START,
  to: RUN_START + 10_000,
  events: EVENTS,
  sharded: false,
  split: false,
  invalidates: false,
});
const wire = history.wire.slice(0, EVENTS);
const beginning = positionOfToken(tokenFromData(highWaterToken(wire[0]!.time)));

/** The events in batches of so many. */
function batchesOf(size: number): Batch[] {
  const reader = new ReplyReader(beginning, 0n, false);
  const batches: Batch[] = [];
  for (let at = 0; at < EVENTS; at += size) {
    const documents = wire.slice(at, at + size);
    const array = wrap(documents.map(({ bytes }, index) => element(0x03, String(index), bytes)));
    batches.push(reader.read({ id: 1n, documents: array, postBatchToken: documents.at(-1)!.tokenDocument }, 0));
  }
  return batches;
}

/** A writer whose store answers when it is told to, and whose segments come of age when they are told to. */
function writerOf(limits: Partial<SegmentLimits>, answers: "at once" | "when told" = "at once", codec: Codec = "none") {
  const stored: SealedSegment[] = [];
  const ages: (() => void)[] = [];
  const pending: { resolve: () => void; reject: (error: Error) => void }[] = [];
  const store = (segment: SealedSegment) => {
    stored.push(segment);
    return answers === "at once" ? Promise.resolve() : new Promise<void>((resolve, reject) => pending.push({ resolve, reject }));
  };
  const sleep = (_: number, signal?: AbortSignal) =>
    new Promise<void>((resolve) => {
      ages.push(resolve);
      signal?.addEventListener("abort", () => resolve());
    });
  const head = { number: 0, hash: null, position: beginning, coveredTo: 0n };
  const writer = new SegmentWriter({
    ...{ log: "shop", head, position: beginning, coveredTo: 0n, codec, store, onAppended: () => {} },
    source: { replicaSetId: null, setName: "rs", sharded: false, version: "6.0.5", database: null },
    limits: { events: 1_000, bytes: 1_000_000, ageMs: 1_000, ...limits },
    clock: { now: () => 0, random: () => 0, sleep },
  });
  return { writer, stored, ages, pending, headers: () => stored.map(({ header }) => decodeHeader(header)) };
}

/** Lets everything go on that can. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

const payloads = (segments: readonly SealedSegment[]) => Buffer.concat(segments.map(({ payload }) => payload));
const bytesOf = (from: number, to: number) => Buffer.concat(wire.slice(from, to).map(({ bytes }) => bytes));

describe("a segment is sealed", () => {
  test.each([1, 5, 12])("when it has as many events as it may, whatever the batches (of %i)", async (size) => {
    const { writer, stored, headers } = writerOf({ events: 5 });
    for (const batch of batchesOf(size)) await writer.add(batch);
    await writer.flush();
    expect(headers().map(({ events }) => events)).toEqual([5, 5, 2]);
    expect(payloads(stored)).toEqual(bytesOf(0, EVENTS));
  });

  test("before it would have more bytes than it may; a larger event is a segment of its own", async () => {
    const limit = 400;
    const { writer, stored, headers } = writerOf({ bytes: limit });
    for (const batch of batchesOf(4)) await writer.add(batch);
    await writer.flush();
    for (const { bytes, events } of headers()) expect(bytes <= limit || events === 1).toBe(true);
    expect(payloads(stored)).toEqual(bytesOf(0, EVENTS));
  });

  test("when it comes of age, and not again by that", async () => {
    const { writer, ages, headers } = writerOf({});
    await writer.add(batchesOf(3)[0]!);
    await settle();
    expect(headers()).toEqual([]);
    ages[0]!();
    await settle();
    expect(headers().map(({ events }) => events)).toEqual([3]);
    expect(writer.idle).toBe(true);
  });
});

test("what is full before its time is compressed fast, what comes of age small", async () => {
  const events = bytesOf(0, EVENTS);
  for (const [limits, effort] of [
    [{ events: EVENTS }, "fast"],
    [{}, "small"],
  ] as const) {
    const { writer, stored } = writerOf(limits, "at once", "brotli");
    for (const batch of batchesOf(EVENTS)) await writer.add(batch);
    await writer.flush();
    expect(payloads(stored)).toEqual(await compress("brotli", effort)(events));
  }
  expect(await compress("brotli", "fast")(events)).not.toEqual(await compress("brotli", "small")(events));
});

describe("while the store does not answer", () => {
  test("the source is not read on, and nothing is stored out of turn", async () => {
    const { writer, stored, pending } = writerOf({ events: 1 }, "when told");
    const [batch] = batchesOf(EVENTS);
    let added = false;
    const adding = writer.add(batch!).then(() => (added = true));
    await settle();
    expect(stored.length).toBe(1);
    expect(added).toBe(false);
    for (let answer = 0; answer < EVENTS; answer++) {
      pending[answer]!.resolve();
      await settle();
      expect(stored.length).toBe(Math.min(EVENTS, answer + 2));
    }
    await adding;
    expect(payloads(stored)).toEqual(bytesOf(0, EVENTS));
  });

  test("the end of what is stored does not move, and it is not idle", async () => {
    const { writer, pending } = writerOf({ events: 1 }, "when told");
    await writer.add(batchesOf(1)[0]!);
    await settle();
    expect([writer.head.number, writer.idle]).toEqual([0, false]);
    expect(writer.position).not.toEqual(beginning);
    pending[0]!.resolve();
    await settle();
    expect([writer.head.number, writer.idle]).toEqual([1, true]);
  });
});

describe("after a failure", () => {
  test("whoever adds, flushes or waits gets it, and nothing is stored any more", async () => {
    const { writer, stored, pending } = writerOf({ events: 1 }, "when told");
    const batches = batchesOf(1);
    await writer.add(batches[0]!);
    await writer.add(batches[1]!);
    const failed = writer.whenFailed();
    const failure = new Error("no more");
    pending[0]!.reject(failure);
    await expect(failed).rejects.toBe(failure);
    await expect(writer.add(batches[2]!)).rejects.toBe(failure);
    await expect(writer.flush()).rejects.toBe(failure);
    expect([stored.length, writer.head.number]).toEqual([1, 0]);
  });

  test("an answer that comes after it was given up changes nothing", async () => {
    const { writer, pending } = writerOf({ events: 1 }, "when told");
    await writer.add(batchesOf(1)[0]!);
    await settle();
    writer.giveUp(new Error("stopped"));
    pending[0]!.resolve();
    await settle();
    expect(writer.head.number).toBe(0);
  });
});

test("each segment follows the one before it: number, hash and position", async () => {
  const { writer, stored, headers } = writerOf({ events: 2 });
  for (const batch of batchesOf(3)) await writer.add(batch);
  await writer.flush();
  headers().forEach((header, index) => {
    expect(header.number).toBe(index + 1);
    expect(header.previous).toEqual(stored[index - 1]?.hash ?? null);
    expect(header.from.token).toEqual(index === 0 ? beginning.token : headers()[index - 1]!.to.token);
  });
});

test("a source that goes back behind what was added is refused: its events would be stored twice", async () => {
  const { writer } = writerOf({});
  const [first, second] = batchesOf(6);
  await writer.add(second!);
  await expect(writer.add(first!)).rejects.toMatchObject({ code: "DAMAGED" });
});
