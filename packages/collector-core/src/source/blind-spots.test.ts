import { randomUUID } from "node:crypto";
import { BSON, type Document, MongoClient } from "mongodb";
import { afterAll, afterEach, beforeAll, beforeEach, expect, inject, test } from "vitest";
import { type ClusterTime, clusterTime } from "../cluster-time.js";
import { Collector } from "../collector.js";
import { readCoverage } from "../coverage.js";
import { readEvents, type StoredEvent } from "../read-events.js";
import type { Store } from "../store.js";
import { memoryStoreLocation } from "../stores/memory-store.js";
import { verifyLog } from "../verify.js";
import { findBlindSpots } from "./blind-spots.js";
import { ChangeStreamSource } from "./change-stream.js";

let client: MongoClient;
let database: string;
let store: Store;
const sources: ChangeStreamSource[] = [];

beforeAll(() => {
  client = new MongoClient(inject("mongodbUri"), { writeConcern: { w: "majority" } });
});
afterAll(() => client.close());
beforeEach(async () => {
  database = `blind_${randomUUID().slice(0, 8)}`;
  store = await memoryStoreLocation().log("log");
});
afterEach(async () => {
  await Promise.all(sources.splice(0).map((source) => source.close()));
  await client.db(database).dropDatabase();
});

const admin = () => client.db("admin");
const collection = () => client.db(database).collection<{ _id: number; pad?: string }>("c");
const newest = (): Promise<ClusterTime> => openSource().newest();

function openSource(scope: string | null = null): ChangeStreamSource {
  const source = new ChangeStreamSource({ uri: inject("mongodbUri"), database: scope });
  sources.push(source);
  return source;
}

/** Goes on with the log until the source has nothing more to show. */
async function collect({ after, scope = null, acceptGap = false }: { after: ClusterTime; scope?: string | null; acceptGap?: boolean }) {
  const collector = new Collector({
    name: "log",
    source: openSource(scope),
    store,
    from: { kind: "time", after },
    acceptGap,
    exitWhenCaughtUp: true,
  });
  await collector.run();
  return collector.status;
}

async function stored(): Promise<StoredEvent[]> {
  const events: StoredEvent[] = [];
  for await (const event of readEvents(store)) events.push({ ...event, bytes: Buffer.from(event.bytes) });
  return events;
}

/** What this test did, in words. */
const mine = (events: StoredEvent[]): string[] =>
  events
    .filter(({ bytes }) => bytes.includes(database))
    .map(({ bytes, kind }) => `${kind.operation} ${idOf(BSON.deserialize(bytes)) ?? ""}`.trim());
const idOf = ({ documentKey, o }: Document): unknown => documentKey?._id ?? o?.applyOps?.[0].o._id ?? o?.user;

const applyAtomically = (_id: number) => admin().command({ applyOps: [{ op: "i", ns: `${database}.c`, o: { _id } }] });

test("the oplog entries that no change stream shows are found, and only those", async () => {
  const after = await newest();
  await collection().insertOne({ _id: 1 });
  await applyAtomically(2);
  await admin().command({ applyOps: [{ op: "i", ns: `${database}.c`, o: { _id: 3 } }], allowAtomic: false });
  await client.withSession((session) => session.withTransaction(async () => collection().insertOne({ _id: 4 }, { session })));
  await client.db(database).command({ createUser: "u", pwd: "p", roles: [] });
  await admin().collection<{ _id: string }>("notes").insertOne({ _id: database });
  await admin().command({ refreshLogicalSessionCacheNow: 1 });
  const found = (await findBlindSpots(client, after, await newest()))
    .filter((entry) => entry.includes(database))
    .map((entry) => BSON.deserialize(entry));
  expect(found).toMatchObject([
    { o: { applyOps: [{ o: { _id: 2 } }] } },
    { ns: "admin.system.users", o: { user: "u" } },
    { ns: "admin.notes", o: { _id: database } },
  ]);
  const inDatabase = await findBlindSpots(client, after, await newest(), database);
  expect(inDatabase.map((entry) => BSON.deserialize(entry).o.applyOps[0].o._id)).toEqual([2]);
  expect(await findBlindSpots(client, after, await newest(), "another")).toEqual([]);
  await client.db(database).command({ dropUser: "u" });
  await admin().collection<{ _id: string }>("notes").deleteOne({ _id: database });
});

test("an answer that would prove nothing is an error", async () => {
  const now = await newest();
  await expect(findBlindSpots(client, clusterTime(1_000_000_000, 1), now)).rejects.toMatchObject({ code: "HISTORY_LOST" });
  await expect(findBlindSpots(client, now, now + (1n << 34n))).rejects.toMatchObject({ code: "UNREACHABLE" });
  await expect(findBlindSpots(client, now, now)).resolves.toEqual([]);
});

test.each(["the whole deployment", "one database"])("a change stream's log holds them in their place: %s", async (what) => {
  const scope = what === "one database" ? database : null;
  const after = await newest();
  await collection().insertOne({ _id: 1 });
  await applyAtomically(2);
  await collection().insertOne({ _id: 3 });
  await applyAtomically(4);
  const status = await collect({ after, scope });
  expect(status.notes.join()).not.toMatch(/applyOps/);
  await applyAtomically(5);
  await collection().deleteOne({ _id: 5 });
  await collect({ after, scope });
  await collect({ after, scope });

  const events = await stored();
  expect(mine(events)).toEqual(["create", "insert 1", "applyOps 2", "insert 3", "applyOps 4", "applyOps 5", "delete 5"]);
  const entry = await client
    .db("local")
    .collection("oplog.rs")
    .findOne({ "o.applyOps.o._id": 2, "o.applyOps.ns": `${database}.c` }, { raw: true });
  expect(events.some(({ bytes }) => bytes.equals(entry as unknown as Uint8Array))).toBe(true);
  const { timelines, gaps } = await readCoverage(store);
  expect([timelines.length, gaps.length]).toEqual([1, 0]);
  expect(timelines[0]!.to.clusterTime).toBeGreaterThanOrEqual(events.at(-1)!.clusterTime);
  expect(await verifyLog(store, "log")).toMatchObject({ ok: true });
});
