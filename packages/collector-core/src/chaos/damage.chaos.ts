/// <reference path="../../../../scripts/vitest-context.d.ts" />
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Binary, type Document, MongoClient, Timestamp } from "mongodb";
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from "vitest";
import { Collector } from "../collector.js";
import { readCoverage } from "../coverage.js";
import { isOplogError } from "../errors.js";
import { readEvents } from "../read-events.js";
import { Random } from "../simulation/random.js";
import { ChangeStreamSource } from "../source/change-stream.js";
import type { Store } from "../store.js";
import { verifyLog } from "../verify.js";
import { CollectorProcess, oplog } from "./collector-process.js";
import { type LogPlace, openPlace, type Sink, withLogOf } from "./log-place.js";
import { record } from "./results.js";
import { CHAOS_SEED, scaled } from "./scale.js";
import { mark } from "./source-marks.js";

const FLIPS = scaled(20, 100);
const SEGMENTS = 12;
const EVENTS_IN_SEGMENT = 40;
const NAME = "harmed";

/** What a person, a disk or a tool can do to a stored log, and undo. */
interface Vandal {
  /** Flips one bit of one byte, anywhere in what is stored of the segment; says where. */
  flip(number: number, random: Random): Promise<string>;
  remove(number: number): Promise<void>;
  /** Each in the place of the other. */
  swap(a: number, b: number): Promise<void>;
  /** Flips one bit of the checkpoint: anywhere in its file, or in the fields of its document. */
  flipCheckpoint(random: Random): Promise<string>;
  /** Cuts off the end of what is stored of it. */
  truncate(number: number, bytes: number): Promise<void>;
  /** As it was at first. */
  restore(): Promise<void>;
  close(): Promise<void>;
}

describe.each<Sink>(["file", "mongodb"])("damage to a log in a %s store is found and named", (sink) => {
  let place: LogPlace;
  let vandal: Vandal;
  const random = new Random(CHAOS_SEED);
  beforeAll(async () => {
    place = await openPlace(sink);
    await captureSome(place);
    vandal = sink === "file" ? await fileVandal(join(place.directory!, NAME)) : await mongodbVandal(place.directUri);
    console.log(`damage, ${sink}: CHAOS_SEED=${CHAOS_SEED}`);
  });
  beforeEach(() => vandal.restore());
  afterAll(async () => {
    await vandal?.close();
    await place?.[Symbol.asyncDispose]();
  });

  const verify = () => withLogOf(place, NAME, (store) => verifyLog(store, NAME));
  const commands = async () => {
    const [verified, range] = await Promise.all(
      ["verify", "range"].map((command) => oplog(command, "--json", "--store", place.directUri, "--name", NAME)),
    );
    return { verified: verified!, range: range! };
  };
  /** The events that coverage claims to be there and that can't be read, although they were there before: none, whatever was done to the log. */
  async function claimedInVain(before: Map<bigint, number>): Promise<number> {
    return withLogOf(place, NAME, async (store) => {
      let missing = 0;
      for (const { from, to } of (await readCoverage(store)).timelines) {
        const found = await eventsAt(store, from.clusterTime, to.clusterTime);
        for (const [time, events] of before)
          if (time > from.clusterTime && time <= to.clusterTime) missing += events - (found.get(time) ?? 0);
      }
      return missing;
    });
  }
  const eventsBefore = () => withLogOf(place, NAME, (store) => eventsAt(store, -1n, 2n ** 63n));

  test("nothing is found in a log that is as it was written", async () => {
    expect(await verify()).toMatchObject({ ok: true, bad: null, events: SEGMENTS * EVENTS_IN_SEGMENT });
    const { verified } = await commands();
    expect(verified.code).toBe(0);
  });

  test(`each of ${FLIPS} flipped bits, anywhere`, async () => {
    // A file whose length or mark is wrong can't be read at all: then nothing is claimed.
    const claims = () =>
      withLogOf(place, NAME, readCoverage).catch((error) =>
        isOplogError(error, "DAMAGED") ? { timelines: [], damaged: [] } : Promise.reject(error),
      );
    const [timeline] = (await claims()).timelines;
    const [begin, end] = [timeline!.from.clusterTime, timeline!.to.clusterTime];
    for (let flip = 0; flip < FLIPS; flip++) {
      const number = random.between(1, SEGMENTS + 1);
      const where = await vandal.flip(number, random);
      const { ok, bad } = await verify();
      expect({ where, ok, segment: bad?.segment }).toEqual({ where, ok: false, segment: number });
      // Damage to what is claimed by is seen without reading everything: a claim never grows by it.
      const { timelines, damaged } = await claims();
      // The ends are checked, so damage there is told at once.
      if (number === SEGMENTS + 1 && timelines.length > 0)
        expect({ where, damaged: damaged.map(({ segment }) => segment) }).toEqual({ where, damaged: [number] });
      for (const { from, to } of timelines)
        expect({ where, more: from.clusterTime < begin || to.clusterTime > end }).toEqual({ where, more: false });
      await vandal.restore();
    }
    const where = await vandal.flip(5, random);
    const { verified } = await commands();
    expect({ where, code: verified.code }).toEqual({ where, code: 4 });
    expect(JSON.parse(verified.stdout)).toMatchObject({ ok: false, bad: { segment: 5 } });
    expect(verified.stderr).toMatch(/segment 5 /i);
    record(`Damage: ${sink} store`, { "bits flipped, each found and its segment named": FLIPS });
  }, 180_000);

  test("a segment that is gone", async () => {
    const before = await eventsBefore();
    await vandal.remove(6);
    const { verified, range } = await commands();
    expect(verified.code).toBe(4);
    expect(JSON.parse(verified.stdout)).toMatchObject({ ok: false, bad: { segment: 6 } });
    expect(range.code).toBe(0);
    const { timelines, gaps } = JSON.parse(range.stdout);
    expect(timelines).toHaveLength(2);
    expect(gaps).toMatchObject([{ cause: "segment 6 is missing from the store" }]);
    expect(await claimedInVain(before)).toBe(0);
  });

  test("the newest segment that is gone: a checkpoint knows of it", async () => {
    const before = await eventsBefore();
    await vandal.remove(SEGMENTS + 1);
    const { verified } = await commands();
    expect(verified.code).toBe(4);
    expect(JSON.parse(verified.stdout)).toMatchObject({ ok: false, bad: { segment: SEGMENTS + 1 } });
    expect(await claimedInVain(before)).toBe(0);
  });

  test("two segments in each other's place", async () => {
    const before = await eventsBefore();
    await vandal.swap(4, 7);
    const { verified } = await commands();
    expect(verified.code).toBe(4);
    expect(JSON.parse(verified.stdout)).toMatchObject({ ok: false, bad: { segment: 4 } });
    expect(await claimedInVain(before)).toBe(0);
  });

  test("a checkpoint that is not what was written: nothing is claimed and nothing goes on by it", async () => {
    for (let flip = 0; flip < FLIPS; flip++) {
      const where = await vandal.flipCheckpoint(random);
      const read = withLogOf(place, NAME, (store) => store.readCheckpoint());
      await expect(read, where).rejects.toMatchObject({ code: "DAMAGED" });
      await vandal.restore();
    }
    await vandal.flipCheckpoint(random);
    const { range } = await commands();
    expect(range.code).toBe(4);
    const args = ["--capture", "change-stream", "--database", `damage_${sink}`];
    await using collector = CollectorProcess.start({ source: inject("mongodbUri"), store: place.uri, name: NAME, args });
    expect(await collector.ended).toEqual({ code: 4, signal: null });
    expect(collector.stderr).toMatch(/Delete (it|the file)/);
  }, 60_000);

  test("a segment that was cut short, by a byte and by half", async () => {
    for (const bytes of [1, 300]) {
      await vandal.truncate(9, bytes);
      const { verified, range } = await commands();
      expect(verified.code).toBe(4);
      expect(JSON.parse(verified.stdout)).toMatchObject({ ok: false, bad: { segment: 9 } });
      // Told from the outside or not: either it refuses, or it is as it was but for what verify names.
      expect([0, 4]).toContain(range.code);
      await vandal.restore();
    }
  });
});

/** Captures a little load into a start segment and `SEGMENTS` full ones, and stops in good order. */
async function captureSome(place: LogPlace): Promise<void> {
  const database = `damage_${place.sink}`;
  await using client = new MongoClient(inject("mongodbUri"));
  await client.db(database).createCollection("orders");
  const after = await mark(client, database);
  for (let batch = 0; batch < SEGMENTS; batch++)
    await client
      .db(database)
      .collection("orders")
      .insertMany(Array.from({ length: EVENTS_IN_SEGMENT }, (_, n) => ({ batch, n, text: `order ${n} of ${batch}` })));
  const source = new ChangeStreamSource({ uri: inject("mongodbUri"), database });
  await withLogOf(place, NAME, (store) =>
    new Collector({
      name: NAME,
      source,
      store,
      from: { kind: "time", after },
      exitWhenCaughtUp: true,
      limits: { events: EVENTS_IN_SEGMENT, ageMs: 60_000 },
    }).run(),
  ).finally(() => source.close());
}

/** How many events there are at each cluster time; fails nowhere, counts what can be read. */
async function eventsAt(store: Store, after: bigint, to: bigint): Promise<Map<bigint, number>> {
  const found = new Map<bigint, number>();
  for await (const { clusterTime } of readEvents(store, { after, to })) found.set(clusterTime, (found.get(clusterTime) ?? 0) + 1);
  return found;
}

const flipBit = (bytes: Buffer, at: number, random: Random): Buffer => {
  const flipped = Buffer.from(bytes);
  flipped[at]! ^= 1 << random.between(0, 7);
  return flipped;
};

async function fileVandal(log: string): Promise<Vandal> {
  const path = (number: number) => join(log, "segments", "000000", `${`${number}`.padStart(10, "0")}.segment`);
  const original = new Map<string, Buffer>();
  for (const entry of await readdir(log, { recursive: true, withFileTypes: true }))
    if (entry.isFile()) {
      const file = join(entry.parentPath, entry.name);
      original.set(file, await readFile(file));
    }
  const bytesOf = (number: number) => original.get(path(number))!;
  return {
    async flip(number, random) {
      const bytes = bytesOf(number);
      const at = random.between(0, bytes.length - 1);
      await writeFile(path(number), flipBit(bytes, at, random));
      return `byte ${at} of the ${bytes.length} of segment ${number}`;
    },
    async flipCheckpoint(random) {
      const [file, bytes] = [...original].find(([name]) => /checkpoint-\d+\.bson$/.test(name))!;
      const at = random.between(0, bytes.length - 1);
      await writeFile(file, flipBit(bytes, at, random));
      return `byte ${at} of the ${bytes.length} of the checkpoint`;
    },
    remove: (number) => rm(path(number)),
    async swap(a, b) {
      await writeFile(path(a), bytesOf(b));
      await writeFile(path(b), bytesOf(a));
    },
    truncate: (number, bytes) => writeFile(path(number), bytesOf(number).subarray(0, -bytes)),
    async restore() {
      await rm(log, { recursive: true });
      for (const [file, bytes] of original) {
        await mkdir(join(file, ".."), { recursive: true });
        await writeFile(file, bytes);
      }
    },
    close: async () => {},
  };
}

async function mongodbVandal(uri: string): Promise<Vandal> {
  const client = new MongoClient(uri);
  const collection = client.db("oplog_store").collection<Document & { _id: number }>(`oplogs_${NAME}`);
  const original = await collection.find().toArray();
  const checkpoints = client.db("oplog_store").collection(`resume_tokens_for_${NAME}`);
  const checkpoint = (await checkpoints.findOne())!;
  const document = (number: number) => original.find(({ _id }) => _id === number)!;
  const bytesOf = (value: Binary) => Buffer.from(value.buffer.subarray(0, value.position));
  const put = (_id: number, changed: Document) => collection.replaceOne({ _id }, { ...changed, _id });
  return {
    async flip(number, random) {
      const found = document(number);
      const field = random.pick(["header", "payload", "hash"].filter((name) => (found[name] as Binary).position > 0));
      const bytes = bytesOf(found[field] as Binary);
      const at = random.between(0, bytes.length - 1);
      await put(number, { ...found, [field]: new Binary(flipBit(bytes, at, random)) });
      return `byte ${at} of the ${field} of segment ${number}`;
    },
    async flipCheckpoint(random) {
      const where = random.pick(["token", "ts", "coveredTo", "afterSegment"]);
      const { position, afterSegment } = checkpoint;
      const flipped = (time: Timestamp) => new Timestamp(time.toBigInt() ^ (1n << BigInt(random.between(0, 63))));
      const bytes = bytesOf(position.token);
      const changed = {
        token: { position: { ...position, token: new Binary(flipBit(bytes, random.between(0, bytes.length - 1), random)) } },
        ts: { position: { ...position, ts: flipped(position.ts) } },
        coveredTo: { position: { ...position, coveredTo: flipped(position.coveredTo) } },
        afterSegment: { afterSegment: afterSegment ^ (1 << random.between(0, 30)) },
      }[where];
      await checkpoints.replaceOne({}, { ...checkpoint, ...changed });
      return `${where} of the checkpoint`;
    },
    async remove(number) {
      await collection.deleteOne({ _id: number });
    },
    async swap(a, b) {
      await put(a, document(b));
      await put(b, document(a));
    },
    async truncate(number, bytes) {
      const found = document(number);
      await put(number, { ...found, payload: new Binary(bytesOf(found.payload as Binary).subarray(0, -bytes)) });
    },
    async restore() {
      await collection.deleteMany({});
      await collection.insertMany(original);
      await checkpoints.replaceOne({}, checkpoint);
    },
    close: () => client.close(),
  };
}
