import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  captureSource,
  isOplogError,
  type OplogErrorCode,
  readCoverage,
  snapshotLogName,
  verifyLog,
} from "@oplog-collector/collector-core";
import { Decimal128, Double, Long, type MongoClient, Timestamp } from "mongodb";
import { describe, expect, test } from "vitest";
import { folderStore } from "../../../examples/custom-sink/folder-store.mjs";
import { startProxy } from "../../../scripts/tcp-proxy.mjs";
import { differences, readState } from "./chaos/deployment-state.js";
import { RecordedLog } from "./chaos/recorded-log.js";
import { SourceAndTarget } from "./chaos/source-and-target.js";
import { restore } from "./restore.js";
import { planRestore } from "./restore-plan.js";
import { listSnapshots, readContents } from "./snapshot/list-snapshots.js";
import { takeSnapshot } from "./snapshot/take-snapshot.js";

const two = SourceAndTarget.forTests("restore");

const failsWith = (code: OplogErrorCode) => expect.objectContaining({ code });

/** Calls `act` again and again while `during` runs; what it wrote is then in the log or in the snapshot. */
async function whileWriting<T>(act: (n: number) => Promise<unknown>, during: () => Promise<T>): Promise<T> {
  let stopped = false;
  const writing = (async () => {
    for (let n = 0; !stopped; n++) await act(n);
  })();
  try {
    return await during();
  } finally {
    stopped = true;
    await writing;
  }
}

async function expectEqual(): Promise<void> {
  expect(differences(await readState(two.source), await readState(two.target))).toEqual([]);
}

describe("a restore gives what the source held", () => {
  test("where a plain collection lies beside the buckets of a time series of its name", async () => {
    await using recorded = await RecordedLog.of(two.sourceSet.uri);
    const db = two.source.db("shop");
    const readings = db.collection<{ _id: number; n?: number; at?: Date }>("readings");
    const byEntry = (...applyOps: object[]) => two.source.db("admin").command({ applyOps, allowAtomic: false, alwaysUpsert: false });
    await readings.insertMany([
      { _id: 1, n: 1 },
      { _id: 2, n: 1 },
    ]);
    // What a server does when an insert makes a collection while a time series of that name is made.
    await db.createCollection("other", { timeseries: { timeField: "at" } });
    const [buckets] = await db.listCollections({ name: "system.buckets.other" }, { nameOnly: false }).toArray();
    const { options } = buckets as unknown as { options: object };
    await byEntry({ op: "c", ns: "shop.$cmd", o: { create: "system.buckets.readings", ...options } });
    const ofSeries = () => db.collection("system.buckets.readings").countDocuments();
    await readings.insertOne({ at: new Date(1.7e12) } as never);
    expect(await ofSeries(), "an insert goes to the time series").toBe(1);
    await takeSnapshot({ source: two.sourceSet.uri, location: recorded.location, log: recorded.name });
    await byEntry({ op: "i", ns: "shop.readings", o: { _id: 3, n: 3 } });
    await byEntry({ op: "u", ns: "shop.readings", o: { $v: 2, diff: { u: { n: 2 } } }, o2: { _id: 1 } });
    await byEntry({ op: "d", ns: "shop.readings", o: { _id: 2 } });
    await readings.insertOne({ at: new Date(1.8e12) } as never);
    expect(await ofSeries()).toBe(2);
    const to = await recorded.caughtUp();
    await restore({ location: recorded.location, log: recorded.name, target: two.targetSet.uri, to });
    await expectEqual();
    expect(await two.target.db("shop").collection("readings").find().sort({ _id: 1 }).toArray()).toEqual([
      { _id: 1, n: 2 },
      { _id: 3, n: 3 },
    ]);
  });

  test("from a store of the user's own, as the guide shows it", async () => {
    await using recorded = await RecordedLog.of(two.sourceSet.uri, "own", { openIn: folderStore, segmentEvents: 50 });
    const orders = two.source.db("shop").collection<{ _id: number; paid?: boolean }>("orders");
    await orders.insertOne({ _id: 0 });
    await takeSnapshot({ source: two.sourceSet.uri, location: recorded.location, log: recorded.name });
    await orders.insertMany(Array.from({ length: 300 }, (_, n) => ({ _id: n + 1 })));
    await orders.updateMany({ _id: { $gt: 100 } }, { $set: { paid: true } });
    const to = await recorded.caughtUp();
    expect(await readCoverage(recorded.log)).toMatchObject({ gaps: [], damaged: [], events: 502 });
    expect(await verifyLog(recorded.log, recorded.name)).toMatchObject({ ok: true, events: 502 });
    await restore({ location: recorded.location, log: recorded.name, target: two.targetSet.uri, to });
    await expectEqual();
  });

  test.each(["oplog", "change-stream"] as const)("with what users keep in admin, captured by %s", async (mode) => {
    await using recorded = await RecordedLog.of(two.sourceSet.uri, `admin-${mode}`, {
      capture: captureSource({ uri: two.sourceSet.uri, mode }),
    });
    const admin = two.source.db("admin");
    const notes = admin.collection<{ _id: number; n: number }>("notes");
    await notes.createIndex({ n: 1 }, { unique: true });
    await notes.insertMany([1, 2, 3].map((n) => ({ _id: n, n })));
    await admin.createCollection("large_notes", { viewOn: "notes", pipeline: [{ $match: { n: { $gt: 5 } } }] });
    await admin.createCollection("readings", { timeseries: { timeField: "at" } });
    await admin.collection("readings").insertOne({ at: new Date(1.7e12), v: 1 });
    await admin.collection<{ _id: string }>("system.js").insertOne({ _id: "twice", value: 2 } as never);
    await two.source.db("shop").collection("orders").insertOne({ n: 1 });
    await takeSnapshot({ source: two.sourceSet.uri, location: recorded.location, log: recorded.name });
    await notes.updateOne({ _id: 1 }, { $inc: { n: 10 } });
    await notes.deleteOne({ _id: 2 });
    await notes.insertOne({ _id: 4, n: 1 });
    await admin.collection("readings").insertOne({ at: new Date(1.7e12 + 1_000), v: 2 });
    await admin.command({ collMod: "large_notes", viewOn: "notes", pipeline: [{ $match: { n: { $gt: 9 } } }] });
    await admin.createCollection("ring", { capped: true, size: 4096 });
    await admin.collection("ring").insertMany([{ v: 1 }, { v: 2 }]);
    await admin.collection("notes").rename("notes_kept");
    await two.source.db("shop").collection("orders").insertOne({ n: 2 });
    const to = await recorded.caughtUp();
    const request = { location: recorded.location, log: recorded.name, target: two.targetSet.uri, to };
    const report = await restore(request);
    await expectEqual();
    expect(Object.keys(await readState(two.target))).toEqual(
      expect.arrayContaining(["admin.notes_kept", "admin.large_notes", "admin.system.buckets.readings", "admin.system.js", "admin.ring"]),
    );
    expect(report.apply).toMatchObject({ skipped: [] });
    await expect(restore(request), "what lies in admin is user data").rejects.toEqual(failsWith("TARGET_NOT_EMPTY"));
    await two.target.db("admin").collection("notes_kept").deleteMany({});
    await restore({ ...request, force: true });
    await expectEqual();
  });

  test("for every kind of collection and index, while it is written to", async () => {
    await using recorded = await RecordedLog.of(two.sourceSet.uri);
    const db = two.source.db("shop");
    await db
      .collection("plain")
      .insertMany([
        { _id: 1 as never, double: new Double(1), long: Long.fromNumber(1), decimal: Decimal128.fromString("1.0"), b: 1, "2": 1, "1": 2 },
        { _id: "zero" as never, top: new Timestamp(0n), nested: { stamp: new Timestamp(0n) } },
        ...Array.from({ length: 3_000 }, (_, n) => ({ n, place: [n % 90, n % 45], words: `word${n % 50}`, at: new Date(2e12) })),
      ]);
    await db.collection("plain").createIndexes([
      { key: { n: 1 }, unique: true, partialFilterExpression: { n: { $gte: 0 } }, name: "unique_n" },
      { key: { words: "text" }, default_language: "german", name: "text" },
      { key: { place: "2dsphere" }, name: "place" },
      { key: { "$**": 1 }, wildcardProjection: { nested: 1 }, name: "wildcard" },
      { key: { at: 1 }, expireAfterSeconds: 3_600, name: "ttl" },
      { key: { words: 1 }, hidden: true, collation: { locale: "fr" }, name: "hidden" },
      { key: { n: "hashed" }, name: "hashed" },
    ]);
    await db.createCollection("capped", { capped: true, size: 40_000, max: 100 });
    await db.collection("capped").insertMany(Array.from({ length: 150 }, (_, n) => ({ _id: (150 - n) as never, n })));
    await db.createCollection("clustered", { clusteredIndex: { key: { _id: 1 }, unique: true, name: "own" } });
    await db.createCollection("collated", { collation: { locale: "de", strength: 2 } });
    await db.collection("collated").insertMany([{ _id: "b" as never }, { _id: "A" as never }]);
    await db.createCollection("checked", { validator: { n: { $gt: 0 } }, validationAction: "error" });
    await db.collection("checked").insertOne({ n: -1 }, { bypassDocumentValidation: true });
    await db.createCollection("series", {
      timeseries: { timeField: "at", metaField: "sensor", granularity: "hours" },
      expireAfterSeconds: 1e9,
    });
    await db.collection("series").createIndex({ sensor: 1, at: -1 });
    await db.createCollection("view", { viewOn: "plain", pipeline: [{ $match: { n: { $gt: 1 } } }], collation: { locale: "en" } });
    await db.collection<{ _id: string; value: number }>("system.js").insertOne({ _id: "two", value: 2 });
    await db.createCollection("empty");
    const taken = await whileWriting(
      async (n) => {
        await db.collection("plain").updateOne({ n }, { $set: { changed: n }, $unset: { words: 1 } });
        await db.collection("capped").insertOne({ n });
        await db.collection("capped").updateOne({ n }, { $set: { n: -n } });
        await db.collection("series").insertOne({ at: new Date(1.7e12 + n), sensor: n % 3, n });
        await db.collection("clustered").insertOne({ _id: n as never });
      },
      () => takeSnapshot({ source: two.sourceSet.uri, location: recorded.location, log: recorded.name }),
    );
    const to = await recorded.caughtUp();
    const report = await restore({ location: recorded.location, log: recorded.name, target: two.targetSet.uri, to });
    await expectEqual();
    expect(report).toMatchObject({ snapshot: taken.id, collections: taken.collections - USER_COLLECTIONS, users: 0 });
    // Of the restore's own nothing stays.
    expect((await two.target.db("admin").admin().listDatabases()).databases.map(({ name }) => name)).not.toContain(
      "oplog_collector_restore",
    );
  });

  test("for collections read in ranges, each at another time, across which a unique value moves", async () => {
    await using recorded = await RecordedLog.of(two.sourceSet.uri);
    const items = two.source.db("shop").collection<{ _id: number; place: number; filler?: string }>("items");
    await items.insertMany(Array.from({ length: 4_000 }, (_, n) => ({ _id: n, place: n, filler: "x".repeat(2_000) })));
    await items.createIndex({ place: 1 }, { unique: true });
    const { id } = await whileWriting(
      async (n) => {
        // From a range that was read to one that was not: at no one time are both there.
        const [low, high] = [n % 2_000, 3_999 - (n % 2_000)];
        await items.updateOne({ _id: low }, { $set: { place: -1 - n } });
        await items.updateOne({ _id: high }, { $set: { place: low } });
        await items.updateOne({ _id: low }, { $set: { place: high }, $unset: { filler: 1 } });
        await items.deleteOne({ _id: high });
      },
      () =>
        takeSnapshot({ source: two.sourceSet.uri, location: recorded.location, log: recorded.name, limits: { largeBytes: 0, rangeMs: 0 } }),
    );
    const { collections } = await readContents(await recorded.location.log(snapshotLogName(recorded.name, id)));
    expect(collections.find(({ namespace }) => namespace === "shop.items")!.parts.length).toBeGreaterThan(2);
    const to = await recorded.caughtUp();
    await restore({ location: recorded.location, log: recorded.name, target: two.targetSet.uri, to });
    await expectEqual();
  });

  test("with filters and renames, for the namespaces that they name", async () => {
    await using recorded = await RecordedLog.of(two.sourceSet.uri);
    for (const name of ["shop", "stock"])
      await two.source
        .db(name)
        .collection("items")
        .insertMany([{ n: 1 }, { n: 2 }]);
    await two.source.db("shop").createCollection("view", { viewOn: "items", pipeline: [] });
    await two.source.db("shop").createCollection("series", { timeseries: { timeField: "at" } });
    await takeSnapshot({ source: two.sourceSet.uri, location: recorded.location, log: recorded.name });
    await two.source.db("shop").collection("items").insertOne({ n: 3 });
    await two.source.db("shop").collection("series").insertOne({ at: new Date() });
    const to = await recorded.caughtUp();
    const options = {
      location: recorded.location,
      log: recorded.name,
      target: two.targetSet.uri,
      to,
      ns: ["shop.*"],
      renames: ["shop=old"],
    };
    const plan = await planRestore(options);
    expect(plan.leftOut).toContainEqual(expect.objectContaining({ namespace: "stock.items" }));
    await restore(options);
    const expected = Object.entries(await readState(two.source)).filter(([namespace]) => namespace.startsWith("shop."));
    const found = Object.entries(await readState(two.target));
    expect(found.map(([namespace]) => namespace).sort()).toEqual(expected.map(([namespace]) => namespace.replace("shop", "old")).sort());
    expect(await two.target.db("old").collection("view").countDocuments()).toBe(3);
    expect(await two.target.db("old").collection("series").countDocuments()).toBe(1);
  });

  test("a collection that is wanted under a name it was given after the snapshot", async () => {
    await using recorded = await RecordedLog.of(two.sourceSet.uri);
    await two.source.db("shop").collection("draft").insertOne({ n: 1 });
    await two.source.db("shop").collection("other").insertOne({ n: 1 });
    await takeSnapshot({ source: two.sourceSet.uri, location: recorded.location, log: recorded.name });
    await two.source.db("shop").collection("draft").rename("items");
    const to = await recorded.caughtUp();
    await restore({ location: recorded.location, log: recorded.name, target: two.targetSet.uri, to, ns: ["shop.items"] });
    expect(Object.entries(await readState(two.target))).toEqual(
      Object.entries(await readState(two.source)).filter(([name]) => name === "shop.items"),
    );
  });

  test("users and roles only when asked for", async () => {
    await using recorded = await RecordedLog.of(two.sourceSet.uri);
    await two.source.db("shop").command({ createRole: "clerk", privileges: [], roles: ["read"] });
    await two.source.db("shop").command({ createUser: "anna", pwd: "secret", roles: ["clerk"] });
    await takeSnapshot({ source: two.sourceSet.uri, location: recorded.location, log: recorded.name });
    const options = { location: recorded.location, log: recorded.name, target: two.targetSet.uri, to: await recorded.caughtUp() };
    await restore(options);
    expect((await two.target.db("shop").command({ usersInfo: 1 })).users).toEqual([]);
    expect(await restore({ ...options, users: true })).toMatchObject({ users: 2 });
    expect((await two.target.db("shop").command({ usersInfo: 1 })).users).toMatchObject([
      { user: "anna", roles: [{ role: "clerk", db: "shop" }] },
    ]);
    for (const client of [two.source, two.target]) {
      await client.db("shop").command({ dropAllUsersFromDatabase: 1 });
      await client.db("shop").command({ dropAllRolesFromDatabase: 1 });
    }
  });
});

test("users of the log come after those of the snapshot, whatever the filter says", async () => {
  const { source, target } = two;
  const capture = captureSource({ uri: two.sourceSet.uri, mode: "oplog" });
  await using recorded = await RecordedLog.of(two.sourceSet.uri, "test", { capture });
  const db = source.db("shop");
  const create = (user: string, role = "read") => db.command({ createUser: user, pwd: "secret", roles: [role] });
  for (const user of ["kept", "changed", "dropped"]) await create(user);
  await db.collection("items").insertOne({});
  await whileWriting(
    async (n) => {
      await create(`passing${n}`);
      await db.command({ dropUser: `passing${n}` });
    },
    () => takeSnapshot({ source: two.sourceSet.uri, location: recorded.location, log: recorded.name }),
  );
  await db.command({ dropUser: "dropped" });
  await db.command({ updateUser: "changed", roles: ["readWrite"] });
  await create("late");
  const to = await recorded.caughtUp();
  // What the target has of the same name is replaced, what it has besides stays.
  await target.db("shop").command({ createUser: "changed", pwd: "other", roles: ["dbAdmin"] });
  await target.db("shop").command({ createUser: "own", pwd: "other", roles: ["dbAdmin"] });
  const options = { location: recorded.location, log: recorded.name, target: two.targetSet.uri, to, users: true, ns: ["shop.items"] };
  await restore(options);
  const users = async (client: MongoClient) => {
    const found = (await client.db("shop").command({ usersInfo: 1, showCredentials: true })).users as { user: string }[];
    return found.sort((a, b) => a.user.localeCompare(b.user));
  };
  const own = (await users(target)).filter(({ user }) => user === "own");
  expect(own).toHaveLength(1);
  expect((await users(target)).filter(({ user }) => user !== "own")).toEqual(await users(source));
  for (const client of [source, target]) await client.db("shop").command({ dropAllUsersFromDatabase: 1 });
});

/** `admin.system.version` is always there; of users and roles the collections once made stay. */
const USER_COLLECTIONS = 1;

describe("a snapshot that was interrupted", () => {
  test("is not restored from, and goes on with what is finished", async () => {
    await using recorded = await RecordedLog.of(two.sourceSet.uri);
    const names = ["a", "b", "c", "d", "e"];
    for (const name of names)
      await two.source
        .db("shop")
        .collection(name)
        .insertMany(Array.from({ length: 500 }, (_, n) => ({ n })));
    const stop = new AbortController();
    const options = { source: two.sourceSet.uri, location: recorded.location, log: recorded.name, readers: 1 };
    const interrupted = takeSnapshot({
      ...options,
      signal: stop.signal,
      onProgress: ({ collections }) => {
        if (collections === 3) stop.abort();
      },
    });
    await expect(interrupted).rejects.toThrow();
    expect(await listSnapshots(recorded.location, recorded.name)).toEqual([]);
    const to = await recorded.caughtUp();
    const request = { location: recorded.location, log: recorded.name, target: two.targetSet.uri, to };
    await expect(restore(request)).rejects.toEqual(failsWith("OUTSIDE_COVERAGE"));
    // Dropped and made again while nobody looked.
    await two.source.db("shop").collection("a").drop();
    await two.source.db("shop").collection("e").drop();
    await two.source.db("shop").collection("e").insertOne({ n: 0 });
    let read = 0;
    const taken = await takeSnapshot({ ...options, onProgress: ({ documents }) => (read = documents) });
    expect(taken.resumed).toBe(true);
    expect(read).toBeLessThan(taken.documents);
    const name = snapshotLogName(recorded.name, taken.id);
    expect(await verifyLog(await recorded.location.log(name), name)).toMatchObject({ ok: true });
    await restore({ ...request, to: await recorded.caughtUp() });
    await expectEqual();
  });

  test("is not taken at all when nobody records the source", async () => {
    await using recorded = await RecordedLog.of(two.sourceSet.uri);
    await recorded.end();
    await two.source.db("shop").collection("a").insertOne({});
    const taken = takeSnapshot({ source: two.sourceSet.uri, location: recorded.location, log: recorded.name, coverageWaitMs: 300 });
    await expect(taken).rejects.toEqual(failsWith("OUTSIDE_COVERAGE"));
    expect(await recorded.location.names()).toEqual([recorded.name]);
  });
});

describe("a restore refuses", () => {
  test("times before the snapshot, targets that hold data, and damage, before it has touched anything", async () => {
    await using recorded = await RecordedLog.of(two.sourceSet.uri);
    const { location, name: log } = recorded;
    await two.source
      .db("shop")
      .collection("items")
      .insertMany([{ _id: 1 as never }, { _id: 2 as never }]);
    const before = await recorded.caughtUp();
    await expect(restore({ location, log, target: two.targetSet.uri, to: before })).rejects.toEqual(failsWith("OUTSIDE_COVERAGE"));
    for (const client of [two.source, two.target]) await client.db("shop").collection("system.js").insertOne({ value: 1 });
    const { id, restorableFrom } = await takeSnapshot({ source: two.sourceSet.uri, location, log });
    await expect(restore({ location, log, target: two.targetSet.uri, to: restorableFrom - 1n })).rejects.toEqual(
      failsWith("OUTSIDE_COVERAGE"),
    );
    const to = await recorded.caughtUp();
    await expect(restore({ location, log, target: two.targetSet.uri, to: to + (1000n << 32n) })).rejects.toEqual(
      failsWith("OUTSIDE_COVERAGE"),
    );
    await expect(restore({ location, log, target: two.sourceSet.uri, to })).rejects.toEqual(failsWith("TARGET_NOT_EMPTY"));

    await two.target
      .db("shop")
      .collection("items")
      .insertOne({ _id: 3 as never });
    await two.target.db("shop").collection("others").insertOne({});
    const held = await readState(two.target);
    await expect(restore({ location, log, target: two.targetSet.uri, to })).rejects.toEqual(failsWith("TARGET_NOT_EMPTY"));
    expect(differences(held, await readState(two.target))).toEqual([]);

    await restore({ location, log, target: two.targetSet.uri, to, force: true });
    const restored = await readState(two.target);
    expect(restored["shop.system.js"]).toBe((await readState(two.source))["shop.system.js"]);
    expect(restored["shop.items"]).toBe((await readState(two.source))["shop.items"]);
    expect(restored["shop.others"]).toBe(held["shop.others"]);

    await damage(recorded, id);
    const failed = await restore({ location, log, target: two.targetSet.uri, to, force: true }).catch((error: unknown) => error);
    expect(isOplogError(failed, "DAMAGED")).toBe(true);
    expect(differences(restored, await readState(two.target))).toEqual([]);
  });
});

/** Flips one bit in the middle of the largest segment of a snapshot. */
async function damage({ directory }: RecordedLog, snapshot: string): Promise<void> {
  const files = (await readdir(directory, { recursive: true, withFileTypes: true })).filter(
    (entry) => entry.isFile() && entry.parentPath.includes(snapshot) && entry.name.endsWith(".segment"),
  );
  const contents = await Promise.all(
    files.map(async (entry) => ({ path: join(entry.parentPath, entry.name), bytes: await readFile(join(entry.parentPath, entry.name)) })),
  );
  const { path, bytes } = contents.reduce((largest, one) => (one.bytes.length > largest.bytes.length ? one : largest));
  bytes[bytes.length >> 1]! ^= 1;
  await writeFile(path, bytes);
}

describe("a restore that was interrupted", () => {
  test("goes on to the same end, and not with other options", async () => {
    await using recorded = await RecordedLog.of(two.sourceSet.uri);
    for (const name of ["a", "b", "c"]) {
      await two.source
        .db("shop")
        .collection(name)
        .insertMany(Array.from({ length: 2_000 }, (_, n) => ({ _id: n as never, n })));
      await two.source.db("shop").collection(name).createIndex({ n: 1 });
    }
    await two.source.db("shop").createCollection("view", { viewOn: "a", pipeline: [] });
    await takeSnapshot({ source: two.sourceSet.uri, location: recorded.location, log: recorded.name, readers: 1 });
    await two.source
      .db("shop")
      .collection("a")
      .updateMany({}, { $inc: { n: 1 } });
    const options = { location: recorded.location, log: recorded.name, target: two.targetSet.uri, to: await recorded.caughtUp(), lanes: 1 };
    const stop = new AbortController();
    const interrupted = restore({
      ...options,
      signal: stop.signal,
      onProgress: (progress) => {
        if (progress.phase === "loading" && progress.documents > 2_000) stop.abort();
      },
    });
    await expect(interrupted).rejects.toThrow();
    await expect(restore(options)).rejects.toEqual(failsWith("TARGET_NOT_EMPTY"));
    await expect(restore({ ...options, to: options.to - 1n, resume: true })).rejects.toEqual(failsWith("BAD_INPUT"));
    await restore({ ...options, resume: true });
    await expectEqual();
    // There is nothing more to go on with, and what is there now is user data.
    await expect(restore({ ...options, resume: true })).rejects.toEqual(failsWith("TARGET_NOT_EMPTY"));
  });

  test("in the middle of its log ends at once, also when the target does not answer, and goes on", async () => {
    await using recorded = await RecordedLog.of(two.sourceSet.uri);
    const shop = two.source.db("shop");
    await shop.collection("items").insertOne({});
    await takeSnapshot({ source: two.sourceSet.uri, location: recorded.location, log: recorded.name });
    for (const name of ["a", "b", "c"]) await shop.collection(name).insertOne({});
    const to = await recorded.caughtUp();
    await using proxy = await startProxy({ target: { port: two.targetSet.member(0).port } });
    const options = { location: recorded.location, log: recorded.name, target: proxy.uri, to, resume: true };
    for (const [name, answered] of [
      ["a", true],
      ["b", false],
    ] as const) {
      const stop = new AbortController();
      proxy.onClientMessage(({ command, document }) => {
        if (command !== "create" || document.create !== name) return undefined;
        stop.abort();
        return answered ? "forward" : "drop";
      });
      await expect(restore({ ...options, signal: stop.signal })).rejects.toThrow();
      expect(stop.signal.aborted).toBe(true);
      proxy.heal();
      expect((await two.target.db("shop").listCollections({}, { nameOnly: true }).toArray()).map((one) => one.name)).not.toContain("c");
      expect((await two.target.db("admin").command({ getParameter: 1, ttlMonitorEnabled: 1 })).ttlMonitorEnabled).toBe(true);
    }
    await restore(options);
    await expectEqual();
  });
});
