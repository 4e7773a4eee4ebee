import { describe, expect, test } from "vitest";
import { decodeHeader, type SealedSegment, sealSegment } from "./segment.js";
import { History } from "./simulation/history.js";
import { Random } from "./simulation/random.js";
import { SAMPLE_LOG, segmentsOf, storeOf } from "./simulation/sample-log.js";
import { RUN_START } from "./simulation/scenario.js";
import type { Store } from "./store.js";
import { sampleCheckpoint } from "./stores/sample-segment.js";
import { verifyLog } from "./verify.js";

const shape = { from: RUN_START, to: RUN_START + 20_000, events: 20, sharded: false, split: false, invalidates: false };
const segments = segmentsOf(new History(new Random(1), shape), [3]);

const verify = async (stored: readonly SealedSegment[], log = SAMPLE_LOG) => verifyLog(await storeOf(stored), log);

const replaced = (number: number, change: (segment: SealedSegment) => SealedSegment) =>
  segments.map((segment) => (segment.number === number ? change(segment) : segment));

const flipped = (bytes: Buffer, at: number) => {
  const copy = Buffer.from(bytes);
  copy[at]! ^= 1;
  return copy;
};

/** As someone who damages a log on purpose would seal it: with a hash that fits. */
const resealed = (number: number, change: Partial<ReturnType<typeof decodeHeader>>) =>
  replaced(number, ({ header, payload }) => sealSegment({ ...decodeHeader(header), ...change }, payload));

test("a log that is as it was written is right, and is counted", async () => {
  const seen: number[] = [];
  const verification = await verifyLog(await storeOf(segments), SAMPLE_LOG, (sofar) => seen.push(sofar.segments));
  const bytes = segments.reduce((sum, { payload }) => sum + payload.length, 0);
  expect(verification).toEqual({ ok: true, segments: segments.length, events: 20, bytes, unread: 0, bad: null });
  expect(seen).toEqual(segments.map(({ number }) => number));
});

test("an empty log is right", async () => {
  expect(await verify([])).toMatchObject({ ok: true, segments: 0 });
});

test("a log whose oldest segments were pruned is right", async () => {
  expect(await verify(segments.slice(3))).toMatchObject({ ok: true, segments: segments.length - 3 });
});

describe("one flipped bit is found, wherever it is", () => {
  const { header, payload, hash } = segments[3]!;
  test.each([
    ...[0, 4, 20, header.length - 1].map((at) => ["header", at] as const),
    ...[0, 4, Math.floor(payload.length / 2), payload.length - 1].map((at) => ["payload", at] as const),
    ...[0, hash.length - 1].map((at) => ["hash", at] as const),
  ])("in the %s at byte %i", async (part, at) => {
    const damaged = replaced(4, (segment) => ({ ...segment, [part]: flipped(segment[part], at) }));
    expect((await verify(damaged)).bad?.segment).toBe(4);
  });
});

test("a missing segment is named", async () => {
  expect(await verify(segments.filter(({ number }) => number !== 3))).toMatchObject({
    ok: false,
    bad: { segment: 3, problem: expect.stringMatching(/missing/) },
  });
});

test("missing segments at the end are named, when a checkpoint knows of them", async () => {
  const store = await storeOf(segments.slice(0, 4));
  await store.writeCheckpoint(sampleCheckpoint(1, "w", { afterSegment: 6 }));
  expect(await verifyLog(store, SAMPLE_LOG)).toMatchObject({
    ok: false,
    bad: { segment: 5, problem: expect.stringMatching(/segment 6 was the newest/) },
  });
});

test("two segments that changed places are named", async () => {
  const swapped = segments.map((segment) => {
    const other = segment.number === 3 ? segments[3]! : segment.number === 4 ? segments[2]! : segment;
    return { ...other, number: segment.number };
  });
  expect(await verify(swapped)).toMatchObject({
    ok: false,
    bad: { segment: 3, problem: expect.stringMatching(/stored as 3 and says it is 4/) },
  });
});

describe("a segment that was sealed again, so that its own hash fits, is found by what does not fit around it", () => {
  const { from, to } = decodeHeader(segments[5]!.header);
  test.each([
    ["its chain", 4, resealed(4, { previous: Buffer.alloc(32) }), /not chained/],
    ["the chain of the next one", 5, resealed(4, { sealedAt: new Date(1) }), /not chained/],
    ["its log", 4, resealed(4, { log: "other" }), /belongs to the log other/],
    ["its beginning", 4, resealed(4, { from }), /does not begin where the segment before it ended/],
    ["its end", 4, resealed(4, { to: decodeHeader(segments[1]!.header).from }), /ends before it begins/],
    ["its count", 4, resealed(4, { events: 7 }), /holds 3 events, its header says 7/],
    ["its counts by kind", 4, resealed(4, { counts: [] }), /holds 3 events/],
    ["its size", 4, resealed(4, { bytes: 7 }), /its header says 7/],
    ["what is before the first one", 1, resealed(1, { previous: Buffer.alloc(32) }), /first one and names one before it/],
  ])("%s", async (_, segment, stored, problem) => {
    expect(to).toBeDefined();
    expect(await verify(stored)).toMatchObject({ ok: false, bad: { segment, problem: expect.stringMatching(problem) } });
  });
});

test("another log's name is a problem of the first segment", async () => {
  expect(await verify(segments, "other")).toMatchObject({
    ok: false,
    bad: { segment: 1, problem: expect.stringMatching(/belongs to the log shop/) },
  });
});

test("a store that does not answer says nothing about the log", async () => {
  const away = Object.assign(new Error("connection closed"), { name: "MongoNetworkError" });
  const store: Store = { ...(await storeOf(segments)), read: () => Promise.reject(away) };
  await expect(verifyLog(store, SAMPLE_LOG)).rejects.toBe(away);
});
