import { MongoClient, MongoServerError } from "mongodb";
import { pino } from "pino";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startReplicaSet } from "../../../../scripts/replica-set.mjs";
import { waitFor } from "../../../../scripts/wait-for.mjs";
import type { ClusterTime } from "../cluster-time.js";
import { Collector } from "../collector.js";
import { makeClient } from "../mongo-client.js";
import { readEvents, type StoredEvent } from "../read-events.js";
import { ChangeStreamSource } from "../source/change-stream.js";
import { captureSource } from "../source/choose-capture.js";
import type { Source } from "../source/source.js";
import type { ConnectSource } from "../source/source-client.js";
import { memoryStoreLocation } from "../stores/memory-store.js";
import type { CaptureReport, Carried, FindingKind } from "./capture-report.js";
import { readHoldings } from "./read-holdings.js";

/** What users of the source may do. */
const USERS = {
  everything: ["readAnyDatabase", "clusterMonitor"],
  databases: ["readAnyDatabase"],
  users: ["readAnyDatabase", "userAdminAnyDatabase"],
  shop: [{ role: "read", db: "shop" }],
};
type User = keyof typeof USERS;

let set: Awaited<ReturnType<typeof startReplicaSet>>;
let client: MongoClient;
let before: ClusterTime;
let empty: CaptureReport;

beforeAll(async () => {
  set = await startReplicaSet({ auth: true, setParameter: { ttlMonitorSleepSecs: 1 } });
  client = new MongoClient(set.uri, { writeConcern: { w: "majority" } });
  for (const [user, roles] of Object.entries(USERS)) await client.db("admin").command({ createUser: user, pwd: "secret", roles });
  empty = await reportOf(WAYS["raw oplog"]());
  const { lastWrite } = await client.db("admin").command({ hello: 1 });
  before = lastWrite.majorityOpTime.ts.toBigInt();
  await write();
});
afterAll(async () => {
  await client?.close();
  await set?.stop();
});

const uriOf = (user: User): string => set.uri.replace(/\/\/[^@]*@/, `//${user}:secret@`);

/** As servers, and services that speak their protocol, which do not know the flags that make a change stream exact. */
const refusesExactFlags: ConnectSource = (uri) => {
  const inner = makeClient(uri, "source");
  const { db } = inner;
  inner.db = (...args) => {
    const database = db.apply(inner, args);
    const { command } = database;
    database.command = (asked, options) =>
      asked.pipeline?.[0]?.$changeStream?.showRawUpdateDescription
        ? Promise.reject(new MongoServerError({ code: 40415, message: "unknown field" }))
        : command.call(database, asked, options);
    return database;
  };
  return { client: inner, close: () => inner.close() };
};

const stream = (user: User, more: { database?: string; connect?: ConnectSource } = {}) =>
  new ChangeStreamSource({ uri: uriOf(user), ...more });

const WAYS = {
  "raw oplog": () => captureSource({ uri: uriOf("everything"), mode: "oplog" }),
  "change stream with the oplog": () => stream("everything"),
  "change stream without the oplog": () => stream("databases"),
  "change stream without the oplog that reads users": () => stream("users"),
  "change stream of one database": () => stream("shop", { database: "shop" }),
  "change stream without exact flags": () => stream("databases", { connect: refusesExactFlags }),
} satisfies Record<string, () => Source>;

/** One of each kind. */
async function write(): Promise<void> {
  const shop = client.db("shop");
  await shop.createCollection("visits", { timeseries: { timeField: "at" } });
  await shop.collection("visits").insertOne({ at: new Date(), page: "/" });
  await shop.createCollection("ring", { capped: true, size: 4096 });
  await shop.collection("diary").insertOne({ line: 1 });
  await shop.command({ convertToCapped: "diary", size: 4096 });
  await shop.collection<{ _id: string }>("system.js").insertOne({ _id: "f" });
  await shop.createCollection("adults", { viewOn: "people", pipeline: [] });
  await shop.command({ create: "sessions", clusteredIndex: { key: { _id: 1 }, unique: true }, expireAfterSeconds: 1 });
  const sessions = shop.collection<{ _id: Date }>("sessions");
  await sessions.insertOne({ _id: new Date(0) });
  // Large, so that the server has a reason to write a diff.
  await shop.collection<{ _id: number; pad: string }>("orders").insertOne({ _id: 1, pad: "x".repeat(1_000) });
  await shop.collection<{ _id: number }>("orders").updateOne({ _id: 1 }, [{ $set: { b: 1, a: 2 } }]);
  await client.db("admin").command({ applyOps: [{ op: "i", ns: "shop.orders", o: { _id: "applied atomically" } }] });
  await shop.command({ createUser: "clerk", pwd: "secret", roles: [] });
  await client.db("admin").collection("notes").insertOne({ text: "in admin" });
  await client.db("config").collection("mine").insertOne({ text: "in config" });
  await client.db("local").command({ insert: "mine", documents: [{ text: "in local" }] });
  await shop.command({ profile: 2 });
  await shop.collection("orders").findOne({});
  await shop.command({ profile: 0 });
  await waitFor("the TTL to delete", async () => (await sessions.countDocuments()) === 0);
}

async function reportOf(source: Source): Promise<CaptureReport> {
  try {
    await source.identify();
    const opened = await source.open({ kind: "now" }, new AbortController().signal);
    const report = await opened.report();
    await opened.close();
    return report;
  } finally {
    await source.close();
  }
}

/** What the log then holds of all that was written. */
async function captured(source: Source): Promise<StoredEvent[]> {
  const store = await memoryStoreLocation().log("log");
  const collector = new Collector({ name: "log", source, store, from: { kind: "time", after: before }, exitWhenCaughtUp: true });
  await collector.run().finally(() => source.close());
  const events: StoredEvent[] = [];
  for await (const event of readEvents(store)) events.push({ ...event, bytes: Buffer.from(event.bytes) });
  return events;
}

/** What shows in a log that a change of that kind is in it. */
const TRACES: Partial<Record<FindingKind, (event: StoredEvent) => boolean>> = {
  "time-series": ({ kind }) => kind.operation === "insert" && kind.namespace === "shop.system.buckets.visits",
  "converted-collections": ({ kind }) => kind.operation === "insert" && kind.namespace.includes(".convertToCapped.diary"),
  "system-js": ({ kind }) => kind.operation === "insert" && kind.namespace === "shop.system.js",
  "users-and-roles": ({ kind, bytes }) => kind.namespace === "admin.system.users" && bytes.includes("clerk"),
  "admin-collections": ({ kind, bytes }) => kind.namespace === "admin.notes" && bytes.includes("in admin"),
  "atomic-apply-ops": ({ bytes }) => bytes.includes("applied atomically"),
  "update-diffs": ({ kind, bytes }) => kind.namespace === "shop.orders" && kind.operation === "update" && bytes.includes("$v"),
  views: ({ kind, bytes }) => kind.namespace !== "shop.people" && bytes.includes("people") && /create|insert/.test(kind.operation),
  "clustered-collections": ({ kind }) => kind.operation === "delete" && kind.namespace === "shop.sessions",
  "not-replicated": ({ bytes, kind }) => bytes.includes("in local") || kind.namespace.endsWith(".system.profile"),
};

const IN_SHOP = {
  ...{ "time-series": "exactly", "converted-collections": "exactly", "system-js": "exactly" },
  ...{ views: "exactly", "clustered-collections": "exactly", "not-replicated": "not" },
} satisfies Partial<Record<FindingKind, Carried>>;
const BLIND = { "atomic-apply-ops": "not", "large-events": "not" } satisfies Partial<Record<FindingKind, Carried>>;

const EXPECTED: Record<keyof typeof WAYS, Partial<Record<FindingKind, Carried>>> = {
  "raw oplog": { ...IN_SHOP, "users-and-roles": "exactly", "admin-collections": "exactly", "config-collections": "not" },
  "change stream with the oplog": {
    ...IN_SHOP,
    ...{ "users-and-roles": "by the oplog", "atomic-apply-ops": "by the oplog", "large-events": "by the oplog" },
    ...{ "admin-collections": "by the oplog", "config-collections": "not" },
  },
  "change stream without the oplog": { ...IN_SHOP, ...BLIND, "users-and-roles": "not", "admin-collections": "in base snapshots only" },
  "change stream without the oplog that reads users": {
    ...{ ...IN_SHOP, ...BLIND },
    ...{ "users-and-roles": "in base snapshots only", "admin-collections": "in base snapshots only" },
  },
  "change stream of one database": { ...IN_SHOP, ...BLIND, "users-and-roles": "not" },
  "change stream without exact flags": {
    ...{ ...IN_SHOP, ...BLIND, "users-and-roles": "not", "admin-collections": "in base snapshots only", "update-diffs": "not" },
    ...{ "time-series": "in base snapshots only", "system-js": "in base snapshots only" },
    "converted-collections": "in base snapshots only",
  },
};

const isByDesign = (way: keyof typeof WAYS, kind: string): boolean =>
  kind === "not-replicated" || kind === "config-collections" || (kind === "users-and-roles" && way === "change stream of one database");

/** Transactions that write in admin are not shown as a whole. */
const isPartly = (kind: string, carried: string): boolean => kind === "admin-collections" && carried === "by the oplog";

describe.each(Object.keys(WAYS) as (keyof typeof WAYS)[])("%s", (way) => {
  test("what is there is found, and the log shows that what is said of it is so", async () => {
    const report = await reportOf(WAYS[way]());
    expect(Object.fromEntries(report.findings.map(({ kind, carried }) => [kind, carried]))).toEqual(EXPECTED[way]);
    const events = await captured(WAYS[way]());
    for (const [kind, shows] of Object.entries(TRACES)) {
      const found = report.findings.find((finding) => finding.kind === kind);
      // Of one database, admin is not looked at.
      const carried = found?.carried ?? (kind === "admin-collections" ? "not" : "exactly");
      expect([kind, carried, events.some(shows)]).toEqual([kind, carried, carried === "exactly" || carried === "by the oplog"]);
    }
    for (const { missing, why, whatToDo } of report.findings) if (missing) expect([why, whatToDo]).not.toContain(null);
    expect(report.complete).toBe(report.findings.every(({ missing }) => !missing));
    // Nobody misses what no member of the source gives another, nor users where one database is captured.
    const missing = Object.entries(EXPECTED[way]).filter(
      ([kind, carried]) => (carried !== "exactly" && carried !== "by the oplog" && !isByDesign(way, kind)) || isPartly(kind, carried),
    );
    expect(
      report.findings
        .filter((finding) => finding.missing)
        .map(({ kind }) => kind)
        .sort(),
    ).toEqual(missing.map(([kind]) => kind).sort());
  });
});

test("what is found is named", async () => {
  const { findings, complete, cut } = await reportOf(WAYS["raw oplog"]());
  const named = Object.fromEntries(findings.map(({ kind, namespaces }) => [kind, namespaces]));
  expect(named).toMatchObject({
    "time-series": ["shop.visits"],
    "converted-collections": ["shop.diary", "shop.ring"],
    "system-js": ["shop.system.js"],
    "not-replicated": ["local.mine", "shop.system.profile"],
    "admin-collections": ["admin.notes"],
    "config-collections": ["config.mine"],
    "clustered-collections": ["shop.sessions"],
    views: ["shop.adults"],
  });
  expect([complete, cut]).toEqual([true, null]);
});

test("what a transaction writes in admin is in the raw oplog, and in no change stream", async () => {
  await client.withSession((session) =>
    session.withTransaction(async () => {
      await client.db("admin").collection("notes").insertOne({ text: "half in admin" }, { session });
      await client.db("shop").collection("orders").insertOne({ text: "half in shop" }, { session });
    }),
  );
  const shown = async (way: keyof typeof WAYS) => {
    const bytes = Buffer.concat((await captured(WAYS[way]())).map((event) => event.bytes));
    return [bytes.includes("half in admin"), bytes.includes("half in shop")];
  };
  expect(await shown("raw oplog")).toEqual([true, true]);
  expect(await shown("change stream with the oplog")).toEqual([false, true]);
});

test("of a deployment without any of it nothing is said, and that everything is carried", () => {
  expect(empty).toMatchObject({ complete: true, cut: null, findings: [{ kind: "users-and-roles", carried: "exactly" }] });
});

test("a look at a large deployment is cut, and says so", async () => {
  const scope = { database: null, monitors: false, asksForUsers: false };
  for (let i = 0; i < 3; i++) await client.db(`many_${i}`).createCollection("v", { viewOn: "c", pipeline: [] });
  const look = (bounds: Parameters<typeof readHoldings>[2]) => readHoldings(client, scope, bounds);
  expect(await look({ databases: 2 })).toMatchObject({
    views: { count: 2 },
    cut: expect.stringContaining("2 of 4 databases: there are too many"),
  });
  expect(await look({ collections: 2 })).toMatchObject({ cut: expect.stringMatching(/shop: more than 2 collections/) });
  expect(await look({ ms: 0 })).toMatchObject({ cut: expect.stringMatching(/4 of 4 databases: looking took too long/) });
  expect(await look({})).toMatchObject({ views: { count: 4 }, cut: null });
  expect((await client.db("admin").command({ serverStatus: 1 })).metrics.cursor.open.total).toBe(0);
});

test("a collector looks when it starts and when collections come and go, and says once what is not carried", async () => {
  const source = stream("databases", { connect: refusesExactFlags });
  const store = await memoryStoreLocation().log("log");
  const said: string[] = [];
  const logger = pino({ base: null }, { write: (line: string) => void said.push(JSON.parse(line).msg) });
  const collector = new Collector({ name: "log", source, store, logger, limits: { ageMs: 50 } });
  const stop = new AbortController();
  const running = collector.run(stop.signal);
  const seen = () => collector.status.captureReport?.findings.find(({ kind }) => kind === "time-series")?.namespaces;
  await waitFor("the first look", async () => seen());
  await client.db("shop").createCollection("weather", { timeseries: { timeField: "at" } });
  await waitFor("the new one to be seen", async () => seen()?.includes("shop.weather"));
  await client.db("shop").dropCollection("weather");
  await waitFor("that it is gone", async () => !seen()?.includes("shop.weather"));
  stop.abort();
  await running.finally(() => source.close());
  expect(said.filter((line) => line.includes("time series"))).toEqual([
    "carried in base snapshots only: time series (shop.visits)",
    "carried in base snapshots only: time series (shop.visits, shop.weather)",
  ]);
  expect(said.filter((line) => line.includes("users and roles"))).toEqual([
    "carried not: users and roles (admin.system.users, admin.system.roles)",
  ]);
});
