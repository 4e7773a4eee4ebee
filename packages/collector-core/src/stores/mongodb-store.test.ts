/// <reference path="../../../../scripts/vitest-context.d.ts" />
import { Binary, BSON, type Db, type Document, MongoClient } from "mongodb";
import { afterEach, beforeEach, describe, expect, inject, test } from "vitest";
import { startReplicaSet } from "../../../../scripts/replica-set.mjs";
import { startProxy } from "../../../../scripts/tcp-proxy.mjs";
import { appendOnce } from "../append.js";
import type { StoreLocation } from "../store.js";
import { assertStored, collect } from "./conformance-segments.js";
import { mongodbStoreLocation } from "./mongodb-location.js";
import { parseMongodbStoreUri } from "./mongodb-uri.js";
import { sampleCheckpoint, sampleSegment } from "./sample-segment.js";

const PART_BYTES = 10_000;
const inParts = (number: number, seed = number) => sampleSegment({ number, payload: Buffer.alloc(35_000, seed) });

let databases = 0;
let client: MongoClient;
let db: Db;
let uri: string;
const opened: StoreLocation[] = [];

beforeEach(() => {
  const name = `store_mongodb_${process.pid}_${++databases}`;
  uri = inject("mongodbUri").replace("/?", `/${name}?`);
  client = new MongoClient(uri);
  db = client.db(name);
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((location) => location.close()));
  await db.dropDatabase();
  await client.close();
});

async function open(at = uri): Promise<StoreLocation> {
  const location = await mongodbStoreLocation(at, { documentBytes: PART_BYTES });
  opened.push(location);
  return location;
}

test("one document a segment, with what people ask for in the shell beside the exact bytes", async () => {
  const segment = sampleSegment({ number: 1 });
  const log = await (await open()).log("orders");
  await log.append(segment);
  await log.append(inParts(2));
  await log.writeCheckpoint(sampleCheckpoint(1, "a"));
  const [inline, split] = await db
    .collection("oplogs_orders")
    .find({}, { sort: { _id: 1 } })
    .toArray();
  const binary = (bytes: Buffer) => new Binary(bytes);
  const fields = {
    kind: "events",
    wall: new Date(1_700_000_001_000),
    events: 2,
    storedBytes: segment.header.length + segment.payload.length,
  };
  expect(inline).toEqual({
    _id: 1,
    ...fields,
    header: binary(segment.header),
    hash: binary(segment.hash),
    payload: binary(segment.payload),
  });
  expect(split).toMatchObject({ _id: 2, parts: 4 });
  expect(split).not.toHaveProperty("payload");
  const collections = await db.listCollections().toArray();
  expect(collections.map(({ name }) => name).sort()).toEqual(["oplogs_orders", "oplogs_orders.parts", "resume_tokens_for_orders"]);
  expect(await db.collection<{ _id: string }>("resume_tokens_for_orders").findOne({ _id: "checkpoint" })).toMatchObject({
    afterSegment: 1,
    writer: { id: "a" },
  });
});

test("writes are acknowledged by a majority that has journaled them, reads see only such writes", async () => {
  const seen: Document[] = [];
  const parsed = new URL(inject("mongodbUri"));
  await using proxy = await startProxy({ target: { port: Number(parsed.port) } });
  proxy.onClientMessage(({ document }) => void seen.push(document));
  const log = await (await open(proxy.uri.replace("/?", `/${db.databaseName}?w=1&readConcernLevel=local&readPreference=nearest&`))).log(
    "orders",
  );
  await log.append(inParts(1));
  await log.read(1);
  await collect(log.headers());
  await log.writeCheckpoint(sampleCheckpoint(1, "a"));
  await log.readCheckpoint();
  await log.remove(1);
  await log.remove();
  const commands = (names: string[]) => seen.filter((command) => names.some((name) => name in command && command.$db === db.databaseName));
  expect(commands(["insert", "update", "delete", "drop"]).length).toBeGreaterThan(8);
  for (const command of commands(["insert", "update", "delete", "drop"]))
    expect(command.writeConcern, JSON.stringify(Object.keys(command))).toEqual({ w: "majority", j: true });
  for (const command of commands(["find"])) expect(command.readConcern).toEqual({ level: "majority" });
});

describe("an append whose answer is lost", () => {
  test.each([
    ["inline", sampleSegment({ number: 1 }), 1],
    ["in parts, at the first part", inParts(1), 1],
    ["in parts, at the third part", inParts(1), 3],
    ["in parts, at the segment's own document", inParts(1), 5],
  ])("throws, and is found stored or goes on when tried again: %s", async (_name, segment, cutAt) => {
    await using proxy = await startProxy({ target: { port: Number(new URL(inject("mongodbUri")).port) } });
    // Without its own retries, for what the caller must cope with: a failover that lasts longer than they do.
    const log = await (await open(proxy.uri.replace("/?", `/${db.databaseName}?retryWrites=false&`))).log("orders");
    let inserts = 0;
    proxy.onClientMessage(({ command }) => (command === "insert" && ++inserts === cutAt ? "forward-then-cut-at-answer" : "forward"));
    await expect(log.append(segment)).rejects.toThrow(/connection/i);
    const whole = cutAt === (segment.payload.length > PART_BYTES ? 5 : 1);
    expect((await log.read(1)) !== null).toBe(whole);
    if (whole) expect(await log.append(segment)).toBe("taken");
    await appendOnce(log, segment);
    await assertStored(log, segment);
  });

  test("is repeated by the driver where it may retry, so that nobody notices", async () => {
    await using proxy = await startProxy({ target: { port: Number(new URL(inject("mongodbUri")).port) } });
    const log = await (await open(proxy.uri.replace("/?", `/${db.databaseName}?`))).log("orders");
    let inserts = 0;
    proxy.onClientMessage(({ command }) => (command === "insert" && ++inserts === 1 ? "forward-then-cut-at-answer" : "forward"));
    expect(await log.append(sampleSegment({ number: 1 }))).toBe("stored");
  });
});

describe("parts", () => {
  const parts = () => db.collection("oplogs_orders.parts");
  const stray = (n: number, hash: string, i = 0) => parts().insertOne({ _id: { n, hash, i } as never, bytes: new Binary(Buffer.alloc(9)) });

  test("of appends that never came to their end are removed by the next that does, those of segments never", async () => {
    const first = await (await open()).log("orders");
    await first.append(inParts(1));
    await stray(2, "aa".repeat(32));
    await stray(2, inParts(2).hash.toString("hex"), 0).then(() =>
      parts().deleteOne({ "_id.n": 2, "_id.hash": inParts(2).hash.toString("hex") }),
    );
    const next = await (await open()).log("orders");
    await next.append(inParts(2));
    await next.append(inParts(3));
    await first.append(inParts(4));
    for (const number of [1, 2, 3, 4]) await assertStored(next, inParts(number));
    expect(await parts().countDocuments()).toBe(16);
  });

  test("of a writer that came too late are removed by itself", async () => {
    const [winner, loser] = [await (await open()).log("orders"), await (await open()).log("orders")];
    await winner.append(inParts(1, 7));
    expect(await loser.append(inParts(1, 8))).toBe("taken");
    expect(await loser.append(inParts(1, 7))).toBe("taken");
    expect(await parts().countDocuments()).toBe(4);
    await assertStored(loser, inParts(1, 7));
  });

  test("go with their segments", async () => {
    const log = await (await open()).log("orders");
    for (const number of [1, 2, 3]) await log.append(inParts(number));
    await stray(1, "aa");
    await log.remove(2);
    expect(await parts().distinct("_id.n")).toEqual([3]);
    await log.remove();
    expect(await db.listCollections().toArray()).toEqual([]);
  });
});

describe("a document that is not what was written is named, and not read as a segment", () => {
  test.each<[string, Document, boolean]>([
    ["without payload", { $unset: { payload: 1 } }, false],
    ["payload of another type", { $set: { payload: "text" } }, false],
    ["without header", { $unset: { header: 1 } }, true],
    ["header of another type", { $set: { header: { n: 1 } } }, true],
    ["without hash", { $unset: { hash: 1 } }, true],
  ])("%s", async (_name, damage, inHeaders) => {
    const log = await (await open()).log("orders");
    await log.append(sampleSegment({ number: 1 }));
    await db.collection<{ _id: number }>("oplogs_orders").updateOne({ _id: 1 }, damage);
    const expected = expect.objectContaining({ code: "DAMAGED", message: expect.stringMatching(/^Segment 1 /), hint: expect.any(String) });
    await expect(log.read(1)).rejects.toEqual(expected);
    if (inHeaders) await expect(collect(log.headers())).rejects.toEqual(expected);
  });

  test.each<[string, Document]>([
    ["a part is missing", { "_id.i": 2 }],
    ["all parts are missing", {}],
  ])("%s", async (_name, filter) => {
    const log = await (await open()).log("orders");
    await log.append(inParts(1));
    await db.collection("oplogs_orders.parts").deleteMany(filter);
    await expect(log.read(1)).rejects.toMatchObject({
      code: "DAMAGED",
      message: expect.stringMatching(/^Segment 1 has \d of its 4 parts$/),
    });
  });
});

test("documents that a dump brought back, with other numeric types, are read all the same", async () => {
  const log = await (await open()).log("orders");
  await log.append(inParts(1));
  await log.append(sampleSegment({ number: 2 }));
  for (const document of await db.collection("oplogs_orders").find().toArray()) {
    await db.collection("oplogs_orders").deleteOne({ _id: document._id });
    await db.collection("oplogs_orders").insertOne({
      ...document,
      _id: BSON.Long.fromNumber(Number(document._id)) as never,
      ...(document.parts && { parts: BSON.Long.fromNumber(document.parts) }),
    });
  }
  await assertStored(log, inParts(1));
  expect((await collect(log.headers())).map(({ number }) => number)).toEqual([1, 2]);
  expect(await log.append(sampleSegment({ number: 2 }))).toBe("taken");
});

test("deployment tells the server's process and the database", async () => {
  const { topologyVersion } = await client.db("admin").command({ hello: 1 });
  expect((await open()).deployment).toEqual({ processIds: [`${topologyVersion.processId}`], database: db.databaseName });
});

test("of a set with several members deployment tells every process", { timeout: 120_000 }, async () => {
  await using set = await startReplicaSet({ members: 3 });
  const location = await open(set.uri);
  await expect.poll(() => location.deployment?.processIds.length).toBe(3);
});

test("a server that is not there is the driver's error, within seconds", async () => {
  await expect(mongodbStoreLocation("mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=300")).rejects.toMatchObject({
    name: "MongoServerSelectionError",
  });
});

test("a login that is refused is told without the password", { timeout: 120_000 }, async () => {
  await using set = await startReplicaSet({ auth: { username: "bob", password: "right" } });
  const error: unknown = await mongodbStoreLocation(set.uri.replace("right", "s3cr3t")).catch((thrown) => thrown);
  expect(error).toMatchObject({
    code: "LOGIN_REFUSED",
    message: expect.stringContaining("refused the user name or password"),
    hint: expect.stringContaining("authSource"),
  });
  expect(JSON.stringify(error) + String(error) + String((error as Error).cause)).not.toMatch(/s3cr3t|bob/);
  await (await open(set.uri)).close();
});

describe("the URI", () => {
  test.each<[string, string, string]>([
    ["mongodb://h", "mongodb://h/", "oplog_store"],
    ["mongodb://h/?replicaSet=rs0", "mongodb://h/?replicaSet=rs0", "oplog_store"],
    ["mongodb://h?w=1", "mongodb://h/?w=1", "oplog_store"],
    ["mongodb://u:p%40@h1:1,h2/my%2Ddb?layout=segments&w=1", "mongodb://u:p%40@h1:1,h2/my%2Ddb?w=1", "my-db"],
    ["mongodb+srv://u:p@h/db?LAYOUT=segments", "mongodb+srv://u:p@h/db", "db"],
  ])("%s", (given, forDriver, database) => expect(parseMongodbStoreUri(given)).toMatchObject({ uri: forDriver, database }));

  test.each([
    "mongodb://h/?layout=documents",
    "mongodb://h/admin",
    "mongodb://h/local?x=1",
    "mongodb://h/a.b",
    "mongodb://h/%zz",
    "mongodb:h",
    "mongodb://bob:s3cr3t@",
    "mongodb://bob:s3cr3t@@h/",
    "mongodb://bob:s3/cr3t@h:x/",
    "mongodb://bob:%s3cr3t@h/",
    "mongodb://bob:s3cr3t@h/?noSuchOption=s3cr3t",
    "mongodb://bob:s3cr3t@h:99999/",
    "mongodb://bob:s3cr3t@h/?authMechanism=s3cr3t",
    "mongodb://bob:s3cr3t@h/?directConnection=true&replicaSet=&tls=s3cr3t",
  ])("is refused without its secrets: %s", async (given) => {
    const error: unknown = await mongodbStoreLocation(given).catch((thrown) => thrown);
    expect(error).toMatchObject({ code: "BAD_INPUT", hint: expect.stringMatching(/^[A-Z].*\.$/) });
    expect(`${error} ${JSON.stringify(error)}`).not.toMatch(/cr3t|bob/);
  });

  test("decides where it has a say: its options stand above the defaults", async () => {
    const location = await open(`${uri}&maxPoolSize=1&appName=mine`);
    expect(await location.names()).toEqual([]);
    const { inprog } = await client.db("admin").command({ currentOp: 1, $all: true });
    expect(inprog.map(({ appName }: Document) => appName)).toContain("mine");
  });
});
