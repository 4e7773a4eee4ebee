import { randomBytes } from "node:crypto";
import { BSON, MongoClient } from "mongodb";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startReplicaSet } from "../../../../scripts/replica-set.mjs";
import { formatClusterTime } from "../cluster-time.js";
import { Collector } from "../collector.js";
import { readCoverage } from "../coverage.js";
import { OplogError } from "../errors.js";
import type { SegmentLimits } from "../open-segment.js";
import { tokenData } from "../position.js";
import { readEvents } from "../read-events.js";
import type { SegmentHeader } from "../segment.js";
import { decodeHeader } from "../segment.js";
import { ChangeStreamSource } from "../source/change-stream.js";
import { OplogSource } from "../source/oplog-source.js";
import type { Source } from "../source/source.js";
import { type StreamOptions, streamPipeline } from "../source/stream-options.js";
import type { Store } from "../store.js";
import { verifyLog } from "../verify.js";
import { CollectorProcess } from "./collector-process.js";
import { type Capture, compareWithControl } from "./control-reader.js";
import { type LogPlace, openPlace, withLogOf } from "./log-place.js";
import { mark } from "./source-marks.js";

const NAME = "begun";

/** In the transaction that is cut. */
const DOCUMENTS = 103;
const CAPTURES: Capture[] = ["change-stream", "oplog"];

let client: MongoClient;
// A set of its own: what other tests write meanwhile would be in the log and after the end of the control.
let set: Awaited<ReturnType<typeof startReplicaSet>>;
const uri = () => set.uri;
beforeAll(async () => {
  set = await startReplicaSet({ testCommands: true });
  client = new MongoClient(uri());
});
afterAll(async () => {
  await client?.close();
  await set?.stop();
});

describe.each(CAPTURES)("where a log begins and goes on (%s)", (capture) => {
  const order = (place: LogPlace, from: string) => ({
    source: uri(),
    store: place.uri,
    name: NAME,
    args: ["--capture", capture, "--from", from],
  });

  test("killed before its first event, a collector has nothing to look for: its start is durable", async () => {
    const database = `first_event_${capture}`;
    await using place = await openPlace("file");
    await using killed = CollectorProcess.start(order(place, "now"));
    await killed.running();
    const after = await mark(client, database);
    await killed.kill();
    await client
      .db(database)
      .collection("orders")
      .insertMany([{ n: 1 }, { n: 2 }]);
    const to = await mark(client, database);

    await using next = CollectorProcess.start(order(place, "now"));
    await next.until("has covered the last event", () => next.coveredTo >= to);
    await next.stop();
    const { events } = await withLogOf(place, NAME, (store) => compareWithControl(store, { uri: uri(), capture, after, to }));
    expect(events).toBeGreaterThanOrEqual(3);
  });

  test("begun at a time, a log holds exactly what comes after it", async () => {
    const database = `start_time_${capture}`;
    await using place = await openPlace("file");
    const orders = client.db(database).collection("orders");
    await orders.insertMany([{ before: 1 }, { before: 2 }]);
    const after = await mark(client, database);
    await orders.insertMany([{ after: 1 }, { after: 2 }]);
    const to = await mark(client, database);

    await using collector = CollectorProcess.start(order(place, formatClusterTime(after)));
    await collector.until("has covered the last event", () => collector.coveredTo >= to);
    await collector.stop();
    await withLogOf(place, NAME, async (store) => {
      await compareWithControl(store, { uri: uri(), capture, after, to });
      const { timelines } = await readCoverage(store);
      expect(timelines.map(({ from }) => from.clusterTime)).toEqual([after]);
      for await (const { clusterTime } of readEvents(store)) expect(clusterTime).toBeGreaterThan(after);
    });
  });

  test("stopped again and again in the middle of a transaction, it claims none of it before it has all, and has all once", async () => {
    const database = `transaction_${capture}`;
    await using place = await openPlace("mongodb");
    const after = await mark(client, database);
    const orders = client.db(database).collection("orders");
    await orders.insertMany(Array.from({ length: 10 }, (_, n) => ({ n })));
    await client.withSession((session) =>
      session.withTransaction(async () => {
        await orders.insertMany(
          Array.from({ length: DOCUMENTS - 3 }, (_, n) => ({ transaction: n })),
          { session },
        );
        // Beyond 16 MiB, so that it takes two entries of the oplog.
        for (let n = DOCUMENTS - 3; n < DOCUMENTS; n++)
          await orders.insertOne({ transaction: n, large: randomBytes(capture === "oplog" ? 7 * 1024 * 1024 : 1024) }, { session });
      }),
    );
    await orders.insertOne({ n: 10 });
    const to = await mark(client, database);

    const cut = capture === "oplog" ? { limits: { events: 1 }, segments: 1 } : { limits: { events: 9 }, segments: 3 };
    let [runs, inside] = [0, 0];
    for (let covered = 0n; covered < to; runs++) {
      await withLogOf(place, NAME, async (store) => {
        await captureSegments(store, { capture, from: after, to, ...cut });
        covered = (await readCoverage(store)).timelines[0]!.to.clusterTime;
        const stored = await transactionEvents(store, database);
        const claimed = await transactionEvents(store, database, covered);
        if (stored > 0 && stored < DOCUMENTS) inside++;
        // Of a transaction all is claimed, or nothing.
        expect([0, DOCUMENTS]).toContain(claimed);
      });
    }
    expect(runs).toBeGreaterThan(2);
    expect(inside).toBeGreaterThan(0);
    await withLogOf(place, NAME, async (store) => {
      await compareWithControl(store, { uri: uri(), capture, after, to });
      expect(await verifyLog(store, NAME)).toMatchObject({ ok: true });
    });
  }, 120_000);
});

test("a token that this stream does not know (280) is no loss: it goes on by time, without a gap and without doubles", async () => {
  const database = "other_flags";
  await using place = await openPlace("file");
  const db = client.db(database);
  const after = await mark(client, database);
  // Only a stream with showSystemEvents has this one.
  await db.collection<{ _id: string }>("system.js").insertOne({ _id: "only exact flags show it", value: new BSON.Code("1") } as never);
  await db.collection("orders").insertMany([{ n: 1 }, { n: 2 }]);
  await withLogOf(place, NAME, async (store) => {
    await captureSegments(store, {
      capture: "change-stream",
      database,
      from: after,
      limits: { events: 1 },
      last: ({ counts }) => counts.some(({ namespace }) => namespace.endsWith("system.js")),
    });
  });

  // What a server answers that refuses the flags now.
  const plain: StreamOptions = { exact: false, split: false };
  const source = new ChangeStreamSource({ uri: uri(), database });
  Object.assign(source, { accepted: plain });
  try {
    await withLogOf(place, NAME, async (store) => {
      const { to } = (await readCoverage(store)).timelines[0]!;
      const resumed = { startAfter: BSON.deserialize(to.token!) };
      const [stage] = streamPipeline(plain, { wholeDeployment: false, sharded: false }, resumed);
      await expect(client.db(database).command({ aggregate: 1, pipeline: [stage], cursor: {} })).rejects.toMatchObject({ code: 280 });
      await new Collector({ name: NAME, source, store, takeOver: true, exitWhenCaughtUp: true }).run();
      const numbers: unknown[] = [];
      let tokenBefore = "";
      for await (const { bytes, kind } of readEvents(store)) {
        const event = BSON.deserialize(bytes);
        const token = tokenData(Buffer.from(BSON.serialize(event._id)));
        expect(token > tokenBefore).toBe(true);
        tokenBefore = token;
        if (kind.namespace.endsWith(".orders")) numbers.push(event.fullDocument?.n);
      }
      expect(numbers.filter((n) => n !== undefined)).toEqual([1, 2]);
      expect((await readCoverage(store)).gaps).toEqual([]);
      expect(await verifyLog(store, NAME)).toMatchObject({ ok: true });
    });
  } finally {
    await source.close();
  }
});

test.each([
  ["a token cut short", "8263"],
  ["a token of nonsense", `82${"F".repeat(60)}`],
  ["no token at all", "FFFFFFFFFFFF"],
])(
  "%s is refused at once, in a sentence, and leaves no log",
  async (_, from) => {
    await using place = await openPlace("file");
    const collector = CollectorProcess.start({
      source: uri(),
      store: place.uri,
      name: NAME,
      args: ["--capture", "change-stream", "--from", from],
    });
    const { code } = await collector.ended;
    expect([1, 2, 3]).toContain(code);
    expect(collector.stderr).not.toMatch(/^\s+at /m); // no stack
    expect(collector.states.filter((state) => state.startsWith("retrying"))).toEqual([]);
    expect(await withLogOf(place, NAME, async (store) => (await readCoverage(store)).segments)).toBe(0);
  },
  20_000,
);

interface Part {
  capture: Capture;
  database?: string;
  from: bigint;
  /** Stops there when it gets so far. */
  to?: bigint;
  limits: Partial<SegmentLimits>;
  /** Ends after so many segments, as if killed: nothing is flushed, nothing released. */
  segments?: number;
  /** Ends after the segment for which this is true. */
  last?: (header: SegmentHeader) => boolean;
}

async function captureSegments(store: Store, { capture, database, from, to, limits, segments = Number.POSITIVE_INFINITY, last }: Part) {
  const source: Source = capture === "oplog" ? new OplogSource({ uri: uri() }) : new ChangeStreamSource({ uri: uri(), database });
  let stored = 0;
  let ended = false;
  const mortal: Store = {
    headers: (range) => store.headers(range),
    read: (number) => store.read(number),
    readCheckpoint: () => store.readCheckpoint(),
    writeCheckpoint: (checkpoint, options) => (ended ? Promise.reject(dead) : store.writeCheckpoint(checkpoint, options)),
    remove: (upTo) => store.remove(upTo),
    close: async () => {},
    async append(segment) {
      if (ended) throw dead;
      const result = await store.append(segment);
      const header = decodeHeader(segment.header);
      if (++stored >= segments || last?.(header) || (to !== undefined && header.coveredTo >= to)) ended = true;
      return result;
    },
  };
  const dead = new OplogError("DAMAGED", "as if killed");
  try {
    // Each run is a new one on this machine: the one before counts as gone.
    const collector = new Collector({
      name: NAME,
      source,
      store: mortal,
      from: { kind: "time", after: from },
      limits,
      takeOver: true,
      exitWhenCaughtUp: true,
    });
    await collector.run().catch((error) => {
      if (!ended) throw error;
    });
  } finally {
    await source.close();
  }
}

/** How many of the transaction's documents are in the log, up to a time. */
async function transactionEvents(store: Store, database: string, to?: bigint): Promise<number> {
  let found = 0;
  for await (const { bytes } of readEvents(store, { to })) {
    const event = BSON.deserialize(bytes);
    const documents = event.o?.applyOps ? event.o.applyOps.map(({ o }: { o: unknown }) => o) : [event.fullDocument];
    const namespaces = event.o?.applyOps ? event.o.applyOps.map(({ ns }: { ns: string }) => ns) : [`${event.ns?.db}.${event.ns?.coll}`];
    documents.forEach((document: { transaction?: number } | undefined, i: number) => {
      if (namespaces[i] === `${database}.orders` && document?.transaction !== undefined) found++;
    });
  }
  return found;
}
