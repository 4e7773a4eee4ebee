import { expect, test } from "vitest";
import type { SealedSegment } from "../segment.js";
import { Random } from "../simulation/random.js";
import { assertStored, collect, headerOf } from "../stores/conformance-segments.js";
import { openStore } from "../stores/open-store.js";
import { sampleCheckpoint, sampleSegment } from "../stores/sample-segment.js";
import { type CrashPoint, oplog, oplogKilledAt } from "./collector-process.js";
import { openPlace, type Sink } from "./log-place.js";
import { record } from "./results.js";
import { CHAOS_SEED, scaled } from "./scale.js";

const KILLS = scaled(3, 20);

/** Each run copies a few before it is killed. */
const SEGMENTS = 12 * KILLS;

const TARGETS = scaled<Sink[]>(["file"], ["file", "mongodb", "entries", "s3"]);

const POINTS = ["before-append", "after-append"] satisfies CrashPoint[];

test.each(TARGETS)(
  "a copy into a %s store that is killed again and again goes on where it was, and ends as the log, byte for byte",
  async (sink) => {
    const random = new Random(CHAOS_SEED);
    console.log(`copy, ${sink}: CHAOS_SEED=${CHAOS_SEED}`);
    await using source = await openPlace("file");
    await using target = await openPlace(sink);
    const segments: SealedSegment[] = [];
    const location = await openStore(source.uri);
    const log = await location.log("orders");
    for (let number = 1; number <= SEGMENTS; number++) {
      segments.push(sampleSegment({ number, previous: segments.at(-1)?.hash ?? null }));
      expect(await log.append(segments.at(-1)!)).toBe("stored");
    }
    await log.writeCheckpoint(sampleCheckpoint(SEGMENTS, null));
    await location.close();

    const command = ["copy", "--store", source.uri, "--name", "orders", "--to", target.directUri];
    for (let kill = 0; kill < KILLS; kill++)
      await oplogKilledAt({ point: POINTS[kill % 2]!, occurrence: random.between(1, 10) }, target.directUri, ...command);
    expect(await oplog(...command)).toMatchObject({ code: 0 });

    const copies = await openStore(target.directUri);
    try {
      const copy = await copies.log("orders");
      expect(await collect(copy.headers())).toEqual(segments.map(headerOf));
      for (const segment of segments) await assertStored(copy, segment);
      expect(await copy.readCheckpoint()).toEqual(sampleCheckpoint(SEGMENTS, null));
    } finally {
      await copies.close();
    }
    expect(await oplog("verify", "--store", target.directUri, "--name", "orders")).toMatchObject({ code: 0 });
    record(`Copy killed: into a ${sink} store`, {
      "kill -9 of the copy": KILLS,
      "segments, each once, byte for byte": SEGMENTS,
      seed: CHAOS_SEED,
    });
  },
  scaled(120_000, 600_000),
);
