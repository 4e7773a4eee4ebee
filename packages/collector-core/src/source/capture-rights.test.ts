import { BSON, MongoClient } from "mongodb";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { startReplicaSet } from "../../../../scripts/replica-set.mjs";
import type { ClusterTime } from "../cluster-time.js";
import { Collector } from "../collector.js";
import { readCoverage } from "../coverage.js";
import { logFormat } from "../log-format.js";
import { readEvents } from "../read-events.js";
import type { CollectorStatus } from "../status.js";
import type { Store } from "../store.js";
import { memoryStoreLocation } from "../stores/memory-store.js";
import { verifyLog } from "../verify.js";
import { captureSource, chooseCapture, decideCapture } from "./choose-capture.js";
import type { Source } from "./source.js";

/** What users of the source may do. */
const USERS = { everything: ["readAnyDatabase", "clusterMonitor"], databases: ["readAnyDatabase"] };
type User = keyof typeof USERS;

let set: Awaited<ReturnType<typeof startReplicaSet>>;
let client: MongoClient;
let store: Store;

beforeAll(async () => {
  // With the common 0.25 GB a server refuses an index key of 6 MiB. Without test commands: with them it refuses what it else closes the connection at.
  set = await startReplicaSet({ auth: true, cacheGB: 0.5 });
  client = new MongoClient(set.uri, { writeConcern: { w: "majority" } });
  for (const [user, roles] of Object.entries(USERS)) await client.db("admin").command({ createUser: user, pwd: "secret", roles });
});
afterAll(async () => {
  await client?.close();
  await set?.stop();
});
beforeEach(async () => {
  store = await memoryStoreLocation().log("log");
});

const uriOf = (user: User): string => set.uri.replace(/\/\/[^@]*@/, `//${user}:secret@`);
const orders = () => client.db("shop").collection<{ _id: number | string; pad?: string }>("orders");

async function newest(): Promise<ClusterTime> {
  const { lastWrite } = await client.db("admin").command({ hello: 1 });
  return lastWrite.majorityOpTime.ts.toBigInt();
}

/** Goes on with the log until the source has nothing more to show. */
async function collect(source: Source, options: { after?: ClusterTime; acceptGap?: boolean } = {}): Promise<CollectorStatus> {
  const { after, acceptGap = false } = options;
  const from = after === undefined ? ({ kind: "now" } as const) : ({ kind: "time", after } as const);
  const collector = new Collector({ name: "log", source, store, from, acceptGap, exitWhenCaughtUp: true });
  await collector.run().finally(() => source.close());
  return collector.status;
}

/** The inserts into `shop.orders`, in the order of the log, by the format in which they are kept. */
async function inserts(): Promise<string[]> {
  const found: string[] = [];
  for await (const { bytes, kind, format } of readEvents(store)) {
    if (kind.operation !== "insert" || kind.namespace !== "shop.orders") continue;
    const { documentKey, o } = BSON.deserialize(bytes);
    found.push(`${format} ${String((documentKey ?? o)._id).slice(0, 5)}`);
  }
  return found;
}

describe("how a new log's source is read", () => {
  test.each([
    [{ database: null, sharded: false, oplogReadable: true }, "oplog"],
    [{ database: null, sharded: false, oplogReadable: false }, "change-stream"],
    [{ database: null, sharded: true, oplogReadable: false }, "change-stream"],
    [{ database: "shop", sharded: false, oplogReadable: true }, "change-stream"],
  ])("%j: %s", (facts, capture) => {
    const choice = decideCapture(facts);
    expect(choice.capture).toBe(capture);
    expect(choice.why).toMatch(/\w+ \w+/);
  });

  test("by what our user may do there", async () => {
    const choices = await Promise.all([
      chooseCapture({ uri: uriOf("everything") }),
      chooseCapture({ uri: uriOf("databases") }),
      chooseCapture({ uri: uriOf("everything"), database: "shop" }),
    ]);
    expect(choices.map(({ capture, source }) => [capture, source.format])).toEqual([
      ["oplog", "oplog-entry"],
      ["change-stream", "change-event"],
      ["change-stream", "change-event"],
    ]);
    expect(choices.map(({ why }) => why).join()).toMatch(/clusterMonitor.*shop/s);
    await Promise.all(choices.map(({ source }) => source.close()));
  });

  test("auto says which and why, and a log goes on as it began, whatever the user may do by then", async () => {
    const first = await collect(captureSource({ uri: uriOf("databases") }));
    expect([first.capture, first.notes[0]]).toEqual(["change-stream", expect.stringMatching(/change stream: our user may not read/)]);
    const second = await collect(captureSource({ uri: uriOf("everything"), logFormat: await logFormat(store) }));
    expect(second.capture).toBe("change-stream");
    store = await memoryStoreLocation().log("log");
    const third = await collect(captureSource({ uri: uriOf("everything") }));
    expect([third.capture, third.notes[0]]).toEqual(["oplog", expect.stringMatching(/raw oplog: the source is a replica set/)]);
  });

  test("the raw oplog of one database alone is refused, and so is an oplog that we may not read", async () => {
    expect(() => captureSource({ uri: uriOf("everything"), database: "shop", mode: "oplog" })).toThrow(
      expect.objectContaining({ code: "BAD_INPUT" }),
    );
    await expect(collect(captureSource({ uri: uriOf("databases"), mode: "oplog" }))).rejects.toMatchObject({
      code: "SOURCE_UNSUITABLE",
      hint: expect.stringContaining("clusterMonitor"),
    });
  });
});

test("the raw oplog is captured with no more rights than clusterMonitor gives", async () => {
  const after = await newest();
  await orders().insertOne({ _id: 1 });
  expect(await collect(captureSource({ uri: uriOf("everything") }), { after })).toMatchObject({ capture: "oplog", state: "stopped" });
  expect(await inserts()).toEqual(["oplog-entry 1"]);
});

test("a change stream says what it can't show where we may not read the oplog", async () => {
  const blind = await collect(captureSource({ uri: uriOf("databases"), mode: "change-stream" }));
  expect(blind.notes.join()).toMatch(/applyOps.*users and roles.*clusterMonitor/);
  store = await memoryStoreLocation().log("log");
  const seeing = await collect(captureSource({ uri: uriOf("everything"), mode: "change-stream" }));
  expect(seeing.notes).toEqual([]);
});

describe("an event that is too large for this server's change streams", () => {
  /** Its token alone does not fit a reply. */
  const LONG_ID = "L".repeat(6 << 20);
  /** Too large with a token that does. */
  const LARGE = { _id: "L".repeat(1 << 20), pad: "x".repeat(13.5 * (1 << 20)) };
  /** Three common events, one too large, three common ones. */
  async function writeLarge(prefix: number, { _id, pad }: { _id: string; pad?: string }): Promise<ClusterTime> {
    const after = await newest();
    await orders().insertMany([1, 2, 3].map((n) => ({ _id: prefix + n })));
    await orders().insertOne({ _id: `${prefix}${_id}`, ...(pad !== undefined && { pad }) });
    await orders().insertMany([4, 5, 6].map((n) => ({ _id: prefix + n })));
    return after;
  }

  test.each([
    ["by its _id", { _id: LONG_ID }],
    ["in all", LARGE],
  ])("%s is read from the oplog, into its place, once", async (_, document) => {
    await orders().deleteMany({});
    const after = await writeLarge(100, document);
    const status = await collect(captureSource({ uri: uriOf("everything"), mode: "change-stream" }), { after });
    await collect(captureSource({ uri: uriOf("everything"), mode: "change-stream" }));
    const event = (n: number) => `change-event ${n}`;
    expect(await inserts()).toEqual([event(101), event(102), event(103), "oplog-entry 100LL", event(104), event(105), event(106)]);
    expect(status.notes).toEqual([]);
    const { timelines, gaps } = await readCoverage(store);
    expect([timelines.length, gaps.length]).toEqual([1, 0]);
    expect(await verifyLog(store, "log")).toMatchObject({ ok: true });
    expect(await logFormat(store)).toBe("change-event");
  });

  test.each([
    ["by its _id, which can't be seen", 200, { _id: LONG_ID }, /^An event after \d+,\d+ is too large/],
    ["in all, and named", 300, LARGE, /^The insert event of shop\.orders at \d+,\d+ is too large/],
  ])("%s: where the oplog can't be read the collector stops, or leaves a gap that holds only it", async (_, prefix, document, message) => {
    const after = await writeLarge(prefix, document);
    const source = () => captureSource({ uri: uriOf("databases"), mode: "change-stream" });
    await expect(collect(source(), { after })).rejects.toMatchObject({ code: "EVENT_TOO_LARGE", message: expect.stringMatching(message) });
    const events = (...numbers: number[]) => numbers.map((n) => `change-event ${prefix + n}`);
    expect(await inserts()).toEqual(events(1, 2, 3));

    await collect(source(), { acceptGap: true });
    expect(await inserts()).toEqual(events(1, 2, 3, 4, 5, 6));
    const { timelines, gaps } = await readCoverage(store);
    expect([timelines.length, gaps.length]).toEqual([2, 1]);
    expect(gaps[0]!.cause).toMatch(message);
    const large = await client
      .db("local")
      .collection("oplog.rs")
      .findOne({ "o._id": `${prefix}${document._id}` }, { projection: { ts: 1 } });
    expect(gaps[0]!.from.clusterTime).toBeLessThan(large!.ts.toBigInt());
    expect(gaps[0]!.to.clusterTime).toBeGreaterThanOrEqual(large!.ts.toBigInt());
  });

  test("inside a transaction after others is not put behind them: it stops the collector, or leaves a gap", async () => {
    const after = await newest();
    await client.withSession((session) =>
      session.withTransaction(async () => {
        await orders().insertOne({ _id: 401 }, { session });
        await orders().insertOne({ ...LARGE, _id: `400${LARGE._id}` }, { session });
      }),
    );
    const source = () => captureSource({ uri: uriOf("everything"), mode: "change-stream" });
    await expect(collect(source(), { after })).rejects.toMatchObject({
      code: "EVENT_TOO_LARGE",
      message: expect.stringContaining("transaction"),
    });
    await orders().insertOne({ _id: 402 });
    await collect(source(), { acceptGap: true });
    expect((await inserts()).at(-1)).toBe("change-event 402");
    expect((await readCoverage(store)).gaps.length).toBe(1);
  });
});
