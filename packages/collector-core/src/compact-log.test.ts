import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { compactLog } from "./compact-log.js";
import { copyLog } from "./copy-log.js";
import { readCoverage } from "./coverage.js";
import { decodeHeader, type SealedSegment } from "./segment.js";
import type { Store } from "./store.js";
import { assertStored, collect, headerOf } from "./stores/conformance-segments.js";
import { fileStoreLocation } from "./stores/file-store.js";
import { memoryStoreLocation } from "./stores/memory-store.js";
import { sampleSegment } from "./stores/sample-segment.js";
import { verifyLog } from "./verify.js";

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "oplog-compact-"));
});
afterEach(async () => {
  vi.useRealTimers();
  await rm(directory, { recursive: true });
});

const open = (): Promise<Store> => fileStoreLocation(directory).log("orders");

/** Segments of a quiet source, chained. */
async function quietLog(count: number): Promise<SealedSegment[]> {
  const log = await open();
  const segments: SealedSegment[] = [];
  for (let number = 1; number <= count; number++) {
    segments.push(sampleSegment({ number, previous: segments.at(-1)?.hash ?? null }));
    await log.append(segments.at(-1)!);
  }
  return segments;
}

const files = async (): Promise<string[]> =>
  (await readdir(directory, { recursive: true })).filter((name) => /\.(segment|bundle)$/.test(name)).sort();

test("many small segments become one object; the log, its coverage and its copies stay what they were", async () => {
  const segments = await quietLog(300);
  const before = await readCoverage(await open());
  expect(await compactLog(await open(), { dryRun: true })).toMatchObject({ bundles: 1, segments: 299, bundleBytes: null });
  expect(await files()).toHaveLength(300);

  const compacted = await compactLog(await open());
  expect(compacted).toMatchObject({ bundles: 1, segments: 299, leftovers: 0 });
  expect(compacted.bundleBytes!).toBeLessThan(0.7 * compacted.storedBytes); // the payloads stay; of the headers little is left
  expect(await files()).toEqual(["orders/bundles/0000000001-0000000299.bundle", "orders/segments/000000/0000000300.segment"]);
  const log = await open();
  expect(await collect(log.headers())).toEqual(segments.map(headerOf));
  expect(await readCoverage(log)).toEqual(before);
  expect(await verifyLog(log, "orders")).toMatchObject({ ok: true, segments: 300 });
  const copy = await memoryStoreLocation().log("orders");
  await copyLog(log, copy);
  for (const segment of segments) await assertStored(copy, segment);
  expect(await compactLog(await open())).toMatchObject({ bundles: 0, segments: 0 });
});

test("what is younger than two minutes stays as it is, whatever moment is named", async () => {
  const segments = await quietLog(20);
  const sealedAt = decodeHeader(segments[9]!.header).sealedAt;
  const now = new Date(sealedAt.getTime() + 120_000);
  expect(await compactLog(await open(), { dryRun: true, now, before: new Date() })).toMatchObject({ segments: 10 });
});

test("a writer that slept through another one and a compaction is told that its number is taken, and leaves nothing", async () => {
  const sleeper = await open();
  const first = sampleSegment({ number: 1 });
  await sleeper.append(first);
  const log = await open();
  const segments = [first];
  for (let number = 2; number <= 20; number++) {
    segments.push(sampleSegment({ number, previous: segments.at(-1)!.hash }));
    await log.append(segments.at(-1)!);
  }
  await compactLog(log);
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 31_000 });
  expect(await sleeper.append(sampleSegment({ number: 2, events: 3 }))).toBe("taken");
  expect(await files()).toHaveLength(2);
  for (const segment of segments) await assertStored(sleeper, segment);
});

test("a damaged segment is not put into a bundle, and one of a damaged bundle is named", async () => {
  await quietLog(30);
  const [fifth] = (await files()).slice(4);
  const path = join(directory, fifth!);
  const bytes = await readFile(path);
  const damaged = Buffer.from(bytes);
  damaged[damaged.length - 40]! ^= 1;
  await writeFile(path, damaged);
  await expect(compactLog(await open())).rejects.toMatchObject({ code: "DAMAGED", message: expect.stringContaining("Segment 5 ") });
  expect(await files()).toHaveLength(30);
  await writeFile(path, bytes);
  await compactLog(await open());

  const bundle = join(directory, (await files())[0]!);
  const whole = await readFile(bundle);
  for (const [at, problem] of [
    [whole.length - 1, /Segment 29 does not have the hash/],
    [3, /bundle up to segment 29/],
    [40, /index can't be read/],
  ] as const) {
    const broken = Buffer.from(whole);
    broken[at]! ^= 1;
    await writeFile(bundle, broken);
    expect(await verifyLog(await open(), "orders")).toMatchObject({ ok: false, bad: { problem: expect.stringMatching(problem) } });
  }
});

test("a store that keeps each segment as it was stored says so", async () => {
  await expect(compactLog(await memoryStoreLocation().log("orders"))).rejects.toMatchObject({ code: "BAD_INPUT" });
});
