import { readdir, readFile } from "node:fs/promises";
import { MongoClient } from "mongodb";
import { expect, test } from "vitest";
import { startReplicaSet } from "../../../../scripts/replica-set.mjs";
import { formatClusterTime } from "../cluster-time.js";
import { Random } from "../simulation/random.js";
import { CollectorProcess, oplog } from "./collector-process.js";
import { type Capture, compareWithControl } from "./control-reader.js";
import { type LogPlace, openPlace, withLogOf } from "./log-place.js";
import { MixedLoad } from "./mixed-load.js";
import { record } from "./results.js";
import { CHAOS_SEED, FULL, scaled } from "./scale.js";
import { mark } from "./source-marks.js";

const EVENTS_PER_SECOND = 1_000;
const LASTS_MS = (Number(process.env.CHAOS_MINUTES) || scaled(0.2, 60)) * 60_000;

/** Something is killed this often. */
const KILL_EVERY_MS = scaled(4_000, 60_000);

/** What processes and servers hold is looked at this often. */
const SAMPLE_EVERY_MS = scaled(1_000, 10_000);

/** A process that has just been started has not what it will need. */
const SETTLED_MS = 20_000;

/** The last quarter may hold so much more than the first: the heap of a process breathes. */
const GROWTH = 1.1;

/** Connections and files that come and go: a leak of one at each kill would be 20 in an hour. */
const SLACK = 8;

interface Sample {
  /** Of the collector that is never killed. */
  rssMiB: number;
  files: number;
  /** Of the one that is, when it has run for a while. */
  killedRssMiB: number | null;
  killedFiles: number | null;
  /** Open on the source. */
  cursors: number;
  connections: number;
}

/**
 * Two collectors on one source: one is killed in turn with the source and the store, and begins anew each time; the other lives through all of
 * it, so that what it does not give back piles up.
 */
test(`${LASTS_MS / 60_000} minutes under load with a kill -9 each ${KILL_EVERY_MS / 1000} s: exact, and nothing piles up (seed ${CHAOS_SEED})`, {
  timeout: LASTS_MS + scaled(180_000, 1_800_000),
}, async () => {
  const random = new Random(CHAOS_SEED);
  await using source = await startReplicaSet({ oplogSizeMB: scaled(512, 8_192), cacheGB: 1, name: "soak" });
  await using mongodb = await openPlace("mongodb");
  await using files = await openPlace("file");
  await using client = new MongoClient(source.uri, { serverSelectionTimeoutMS: 60_000 });
  const after = await mark(client, "shop");
  await using load = new MixedLoad(source.uri, random.fork(), { eventsPerSecond: EVENTS_PER_SECOND });
  load.start();

  const collect = (place: LogPlace, capture: Capture) => {
    const args = ["--from", formatClusterTime(after), "--capture", capture];
    return CollectorProcess.start({ source: source.uri, store: place.uri, name: capture, args });
  };
  await using lasting = collect(files, "oplog");
  let killed = collect(mongodb, "change-stream");
  let killedStartedAt = Date.now();
  await using _ = { [Symbol.asyncDispose]: () => killed[Symbol.asyncDispose]() };

  const strikes = {
    "kill -9 of a collector": async () => {
      await killed.kill();
      killed = collect(mongodb, "change-stream");
      killedStartedAt = Date.now();
    },
    "kill -9 of the source": () => killAndStart(source.member(0)),
    "kill -9 of the store": () => killAndStart(mongodb.server!.member(0)),
  };
  const struck = Object.fromEntries(Object.keys(strikes).map((name) => [name, 0]));
  const samples: Sample[] = [];
  const startedAt = Date.now();
  let [strikeAt, sampleAt] = [startedAt + KILL_EVERY_MS, startedAt + SAMPLE_EVERY_MS];
  let names: (keyof typeof strikes)[] = [];
  while (Date.now() - startedAt < LASTS_MS) {
    const next = Math.min(strikeAt, sampleAt, startedAt + LASTS_MS);
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, next - Date.now())));
    for (const collector of [lasting, killed])
      if (collector.exit)
        throw new Error(`A collector ended by itself (${JSON.stringify(collector.exit)})\n${collector.stderr.slice(-3_000)}`);
    if (Date.now() >= sampleAt) {
      sampleAt += SAMPLE_EVERY_MS;
      const settled = Date.now() - killedStartedAt > SETTLED_MS ? killed : null;
      const sample = await sampled(client, lasting, settled).catch(() => null); // the source is just being started
      if (sample) samples.push(sample);
    }
    if (Date.now() >= strikeAt) {
      strikeAt += KILL_EVERY_MS;
      if (names.length === 0) {
        names = Object.keys(strikes) as typeof names;
        // What was written stays in the oplog; the collections must not grow for an hour.
        for (const collection of ["orders", "archive"])
          await client
            .db("shop")
            .dropCollection(collection)
            .catch(() => {}); // moved away, or not there yet
      }
      const [name] = names.splice(random.between(0, names.length - 1), 1);
      await strikes[name!]();
      struck[name!]!++;
    }
  }
  await load.stop();
  await source.settled();
  const to = await mark(client, "shop");
  const minutes = (Date.now() - startedAt) / 60_000;
  for (const collector of [lasting, killed]) {
    await collector.until("has covered the last event", () => collector.coveredTo >= to, 300_000);
    await collector.stop();
  }

  const equal = {} as Record<Capture, Awaited<ReturnType<typeof compareWithControl>>>;
  for (const [place, capture] of [
    [files, "oplog"],
    [mongodb, "change-stream"],
  ] as const) {
    equal[capture] = await withLogOf(place, capture, (store) => compareWithControl(store, { uri: source.uri, capture, after, to }));
    expect(await oplog("verify", "--json", "--store", place.directUri, "--name", capture)).toMatchObject({ code: 0 });
  }
  const quarter = Math.ceil(samples.length / 4);
  const [first, last] = [samples.slice(0, quarter), samples.slice(-quarter)];
  const both = (of: (sample: Sample) => number | null, sum: (numbers: number[]) => number) =>
    [first, last].map((some) => Math.round(sum(some.map(of).filter((number) => number !== null)) || 0)) as [number, number];
  const held = {
    "memory of the collector that is never killed, MiB (mean)": both(({ rssMiB }) => rssMiB, mean),
    "memory of the one that is, MiB (mean)": both(({ killedRssMiB }) => killedRssMiB, mean),
    "open files of the one that is never killed (most)": both(({ files }) => files, most),
    "open files of the one that is (most)": both(({ killedFiles }) => killedFiles, most),
    "cursors open on the source (most)": both(({ cursors }) => cursors, most),
    "connections to the source (most)": both(({ connections }) => connections, most),
  };
  record("Soak", {
    ...struck,
    minutes: minutes.toFixed(1),
    "events a second": Math.round(equal["change-stream"].events / minutes / 60),
    "change events, each in its log once, in order, byte for byte": equal["change-stream"].events,
    "oplog entries, likewise": equal.oplog.events,
    ...Object.fromEntries(Object.entries(held).map(([what, [begin, end]]) => [`${what}: first and last quarter`, `${begin}, ${end}`])),
    seed: CHAOS_SEED,
  });
  expect(samples.length).toBeGreaterThan(4);
  if (!FULL) return; // In seconds nothing can pile up that could be told from a start.
  for (const [what, [begin, end]] of Object.entries(held))
    expect(end, what).toBeLessThanOrEqual(what.includes("memory") ? begin * GROWTH : begin + SLACK);
});

type Member = ReturnType<Awaited<ReturnType<typeof startReplicaSet>>["member"]>;

async function killAndStart(mongod: Member): Promise<void> {
  await mongod.kill();
  await mongod.start();
}

async function sampled(client: MongoClient, lasting: CollectorProcess, killed: CollectorProcess | null): Promise<Sample> {
  const { metrics, connections } = await client.db("admin").command({ serverStatus: 1 }, { timeoutMS: 5_000 });
  return {
    rssMiB: await residentMiB(lasting),
    files: await openFiles(lasting),
    killedRssMiB: killed && (await residentMiB(killed)),
    killedFiles: killed && (await openFiles(killed)),
    cursors: Number(metrics.cursor.open.total),
    connections: connections.current,
  };
}

async function residentMiB({ pid }: CollectorProcess): Promise<number> {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(await readFile(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024;
}

const openFiles = async ({ pid }: CollectorProcess): Promise<number> => (await readdir(`/proc/${pid}/fd`)).length;

const mean = (numbers: number[]): number => numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
const most = (numbers: number[]): number => Math.max(0, ...numbers);
