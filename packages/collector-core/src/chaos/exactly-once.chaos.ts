import { randomBytes } from "node:crypto";
import { BSON, type Document, MongoClient } from "mongodb";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { startReplicaSet } from "../../../../scripts/replica-set.mjs";
import { formatClusterTime } from "../cluster-time.js";
import { readEvents } from "../read-events.js";
import { decodeHeader, type SegmentHeader } from "../segment.js";
import { Random } from "../simulation/random.js";
import type { Store } from "../store.js";
import { oplog } from "./collector-process.js";
import { type Capture, compareWithControl } from "./control-reader.js";
import { compareEntriesWithLog } from "./entries-check.js";
import { faultsFor, Scene } from "./faults.js";
import { openPlace, type Sink, withLogOf } from "./log-place.js";
import { MixedLoad } from "./mixed-load.js";
import { record } from "./results.js";
import { CHAOS_SEED, scaled } from "./scale.js";
import { mark } from "./source-marks.js";

/** Of object storage and of entries fewer: what they share with the others those show. */
const EVENTS: Record<Sink, number> = {
  mongodb: scaled(5_000, 200_000),
  file: scaled(5_000, 200_000),
  entries: scaled(2_500, 100_000),
  s3: scaled(2_500, 50_000),
};

/** So that the load lasts about as long as the faults do, on two cores that also carry three to four servers. */
const EVENTS_PER_SECOND = 800;

const SCENARIOS: [Sink, Capture][] = scaled(
  [
    ["mongodb", "change-stream"],
    ["file", "oplog"],
    ["s3", "change-stream"],
    ["entries", "change-stream"],
  ],
  [
    ["mongodb", "change-stream"],
    ["file", "change-stream"],
    ["s3", "change-stream"],
    ["mongodb", "oplog"],
    ["file", "oplog"],
    ["s3", "oplog"],
    ["entries", "change-stream"],
    ["entries", "oplog"],
  ],
);

describe("each event of the source is in the log once, in order, byte for byte", () => {
  let source: Awaited<ReturnType<typeof startReplicaSet>>;
  beforeAll(async () => {
    // The oplog must hold a whole run, for the control. With less cache a server can try to insert a document of 16 MB for ever, beside other writes.
    source = await startReplicaSet({ members: 3, testCommands: true, oplogSizeMB: 2048, cacheGB: 1, name: "source" });
  }, 120_000);
  afterAll(() => source?.stop(), 120_000);
  afterEach(() => vi.unstubAllEnvs());

  test.each(SCENARIOS)(
    "into a %s store, by %s, with everything that can happen to the three of them",
    async (sink, capture) => {
      const seed = CHAOS_SEED;
      const random = new Random(seed);
      console.log(`exactly once, ${sink}, ${capture}: CHAOS_SEED=${seed}`);
      const startedAt = Date.now();
      // One of the sinks encrypted: it is the collector that encrypts, whichever they are.
      const encrypted = sink === "s3";
      if (encrypted) vi.stubEnv("OPLOG_STORE_KEY", randomBytes(32).toString("base64"));
      const name = `chaos-${capture}`;
      await using place = await openPlace(sink);
      await using client = new MongoClient(source.uri);

      const keptBefore = await client.db("shop").collection("undone").countDocuments({ undone: true });
      const after = await mark(client, "shop");
      await using load = new MixedLoad(source.uri, random.fork(), { eventsPerSecond: EVENTS_PER_SECOND });
      load.start();
      const args = ["--from", formatClusterTime(after), "--capture", capture, "--rpo", "200"];
      await using scene = new Scene(source, place, load, random, { name, args });
      const faults = shuffled(faultsFor({ place, source }), random);
      const struck = new Map<string, number>();
      for (const fault of faults) {
        await scene.collector.goesOn();
        await scene.noteMemory();
        await fault.strike(scene).catch((error) => {
          throw new Error(`${fault.name}: ${error.message}`, { cause: error });
        });
        struck.set(fault.name, (struck.get(fault.name) ?? 0) + 1);
        if (scene.collector.exit) scene.start();
      }
      await scene.collector.goesOn();
      // In the oplog, the hundreds of writes of a transaction are one entry.
      await load.until(capture === "oplog" ? 1.4 * EVENTS[sink] : EVENTS[sink]);
      await load.stop();
      await source.settled();
      const to = await mark(client, "shop");
      await scene.collector.until("has covered the last event", () => scene.collector.coveredTo >= to);
      await scene.noteMemory();
      await scene.collector.stop();

      const equal = await withLogOf(place, name, (store) => compareWithControl(store, { uri: source.uri, capture, after, to }));
      expect(equal.events).toBeGreaterThanOrEqual(EVENTS[sink]);
      const shown = sink === "entries" && (await withLogOf(place, name, (store) => compareEntriesWithLog(place, name, store)));
      // Some may have reached the others before they stopped fetching: those were kept.
      const kept = await client.db("shop").collection("undone").countDocuments({ undone: true });
      expect(await withLogOf(place, name, (store) => undoneIn(store))).toBe(kept - keptBefore);

      const plain = await withLogOf(place, name, (store) => numbersOf(store, ({ encryption }) => !encryption));
      expect(plain.length > 0).toBe(!encrypted);
      const verified = await oplog("verify", "--json", "--store", place.directUri, "--name", name);
      expect(verified).toMatchObject({ code: 0 });
      expect(JSON.parse(verified.stdout)).toMatchObject({ ok: true, events: equal.events, unread: 0 });
      const range = JSON.parse((await oplog("range", "--json", "--store", place.directUri, "--name", name)).stdout);
      expect(range).toMatchObject({ gaps: [], timelines: [{ from: { clusterTime: formatClusterTime(after) } }] });

      record(`Exactly once: ${sink} store${encrypted ? ", encrypted" : ""}, ${capture}`, {
        ...Object.fromEntries(struck),
        "writes undone by rollbacks, none of them in the log": scene.undone,
        "events, each in the log once, in order, byte for byte": equal.events,
        bytes: equal.bytes,
        ...(shown && { "documents beside the log, one for each of its events and in its place": shown }),
        "peak memory of a collector, MiB": scene.peakMemoryMiB,
        seconds: Math.round((Date.now() - startedAt) / 1000),
        seed,
      });
    },
    scaled(240_000, 3_600_000),
  );
});

async function numbersOf(store: Store, wanted: (header: SegmentHeader) => boolean): Promise<number[]> {
  const found: number[] = [];
  for await (const { number, header } of store.headers()) if (wanted(decodeHeader(header))) found.push(number);
  return found;
}

/** How many events there are of the writes that `forceRollback` makes to be undone. */
async function undoneIn(store: Parameters<typeof readEvents>[0]): Promise<number> {
  let found = 0;
  for await (const { bytes, kind } of readEvents(store)) {
    if (kind.namespace !== "shop.undone") continue;
    const event = BSON.deserialize(bytes) as Document;
    if ((event.fullDocument ?? event.o)?.undone) found++;
  }
  return found;
}

function shuffled<T>(items: T[], random: Random): T[] {
  for (let i = items.length - 1; i > 0; i--) {
    const j = random.between(0, i);
    [items[i], items[j]] = [items[j]!, items[i]!];
  }
  return items;
}
