import { expect, test } from "vitest";
import type { SealedSegment } from "../segment.js";
import { Random } from "../simulation/random.js";
import type { Store } from "../store.js";
import { assertStored, collect, headerOf } from "../stores/conformance-segments.js";
import { openStore } from "../stores/open-store.js";
import { sampleSegment } from "../stores/sample-segment.js";
import { verifyLog } from "../verify.js";
import { type CrashPoint, oplog, oplogKilledAt } from "./collector-process.js";
import { openPlace, type Sink } from "./log-place.js";
import { record } from "./results.js";
import { CHAOS_SEED, scaled } from "./scale.js";

const KILLS = scaled(3, 20);

/** A kill leaves up to two bundles behind it: so there is always another one to be made. */
const RUNS = 2 * KILLS + 2;

/** The object store of the tests takes ten milliseconds a request, and all of it is read again and again. */
const SEGMENTS_IN_RUN: Record<Sink, number> = { file: 30, mongodb: 30, entries: 0, s3: 9 };

const SINKS = scaled<Sink[]>(["file"], ["file", "mongodb", "s3"]);

test.each(SINKS)(
  "a compaction that is killed again and again, in a %s store: at each moment the log verifies and reads as ever",
  async (sink) => {
    const random = new Random(CHAOS_SEED);
    console.log(`compact, ${sink}: CHAOS_SEED=${CHAOS_SEED}`);
    await using place = await openPlace(sink);
    const at = ["--store", place.directUri, "--name", "orders"];
    const writerPlace = await openStore(place.directUri);
    const readerPlace = await openStore(place.directUri);
    try {
      const writer = await writerPlace.log("orders");
      const segments: SealedSegment[] = [];
      const inRun = SEGMENTS_IN_RUN[sink];
      const quiet = RUNS * (inRun + 1);
      /** Each run of small segments ends with one that is too young for a bundle, as is whatever a collector writes meanwhile. */
      const appendNext = async () => {
        const number = segments.length + 1;
        const young = number % (inRun + 1) === 0 || number > quiet;
        const previous = segments.at(-1)?.hash ?? null;
        const segment = sampleSegment({ number, previous, ...(young && { sealedAt: new Date(Date.now() + 3_600_000) }) });
        expect(await writer.append(segment)).toBe("stored");
        segments.push(segment);
      };
      while (segments.length < quiet) await appendNext();

      const reading = new AbortController();
      const passes = readAgainAndAgain(() => readerPlace.log("orders"), segments, reading.signal);
      passes.catch(() => {}); // thrown where it is awaited
      const struck = new Map<string, number>();
      for (let kill = 0; kill < KILLS; kill++) {
        await appendNext(); // as the collector goes on
        const point = (["before-bundle", "after-bundle", "in-removal"] satisfies CrashPoint[])[kill % 3]!;
        const occurrence = point === "in-removal" && sink === "file" ? random.between(1, 2 * inRun) : random.between(1, 2);
        await oplogKilledAt({ point, occurrence }, place.directUri, "compact", ...at);
        await isWhole(await writerPlace.log("orders"), segments);
        struck.set(point, (struck.get(point) ?? 0) + 1);
      }
      const done = await oplog("compact", ...at, "--json");
      expect(done).toMatchObject({ code: 0 });
      expect(JSON.parse((await oplog("compact", ...at, "--json")).stdout)).toMatchObject({ bundles: 0, leftovers: 0 });
      reading.abort();
      expect(await passes).toBeGreaterThan(0);
      await isWhole(await readerPlace.log("orders"), segments);
      expect(await writer.bundling!.ranges()).toHaveLength(RUNS);
      record(`Compaction killed: ${sink} store`, {
        ...Object.fromEntries([...struck].map(([point, times]) => [`kill -9 ${point}`, times])),
        "segments, each read back byte for byte after each kill": segments.length,
        "times the whole log was read meanwhile": await passes,
        seed: CHAOS_SEED,
      });
    } finally {
      await writerPlace.close();
      await readerPlace.close();
    }
  },
  scaled(120_000, 3_600_000),
);

async function isWhole(store: Store, segments: readonly SealedSegment[]): Promise<void> {
  const expected = [...segments];
  expect((await collect(store.headers())).slice(0, expected.length)).toEqual(expected.map(headerOf));
  for (const segment of expected) await assertStored(store, segment);
  expect(await verifyLog(store, "orders")).toMatchObject({ ok: true });
}

async function readAgainAndAgain(open: () => Promise<Store>, segments: readonly SealedSegment[], signal: AbortSignal): Promise<number> {
  const store = await open();
  for (let passes = 0; ; passes++) {
    if (signal.aborted) return passes;
    await isWhole(store, segments);
  }
}
