/// <reference path="../../../../scripts/vitest-context.d.ts" />
import { BSON, type Document, MongoClient, Timestamp } from "mongodb";
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from "vitest";
import { startProxy } from "../../../../scripts/tcp-proxy.mjs";
import { compress } from "../codec.js";
import { keyring } from "../keyring.js";
import { documentsIn } from "../raw-bson.js";
import { decodeHeader, readPayload, type SealedSegment, sealSegment } from "../segment.js";
import type { Store, StoreLocation } from "../store.js";
import { assertStored } from "./conformance-segments.js";
import { openStore } from "./open-store.js";
import { sampleCheckpoint, sampleSegment } from "./sample-segment.js";

const DATABASE = `entries_${process.pid}`;
let client: MongoClient;
let location: StoreLocation;

const uri = (parameters: string) => inject("mongodbUri").replace("/?", `/${DATABASE}?${parameters}`);

beforeAll(async () => {
  client = new MongoClient(inject("mongodbUri"));
  location = await openStore(uri("layout=entries&"));
});
beforeEach(() => client.db(DATABASE).dropDatabase());
afterAll(async () => {
  await location?.close();
  await client.close();
});

const entries = (log = "orders") => client.db(DATABASE).collection<Document>(`oplogs_${log}`);

/** One document an event, in its place. */
async function expectEntriesOf(segment: SealedSegment): Promise<void> {
  const events = [...documentsIn(await readPayload(segment))].map((bytes) => BSON.deserialize(bytes));
  const found = await entries()
    .find({ segment: segment.number }, { sort: { i: 1 } })
    .toArray();
  expect(found.map(({ _id, i, doc_key }) => ({ _id, i, doc_key }))).toEqual(
    events.map(({ _id, documentKey }, i) => ({ _id, i, doc_key: documentKey })),
  );
}

/** An event whose bytes no object keeps: a double without a fraction, names like integers out of order. */
function event(second: number, fields: Document): Buffer {
  const time = new Timestamp({ t: 1_700_000_000 + second, i: 1 });
  return Buffer.from(
    BSON.serialize({
      _id: { _data: `82${(1_700_000_000 + second).toString(16)}00000001` },
      clusterTime: time,
      wallTime: new Date(second * 1000),
      ns: { db: "shop", coll: "orders" },
      documentKey: { _id: new BSON.Double(7) },
      ...fields,
    }),
  );
}

const UPDATE = {
  operationType: "update",
  updateDescription: { updatedFields: { "a.b": new BSON.Double(1) }, removedFields: [], truncatedArrays: [] },
};

test("each event is a document with the original's field names, and comes back byte for byte", async () => {
  const store = await location.log("orders");
  const events = [
    event(1, { operationType: "insert", fullDocument: { _id: new BSON.Double(7), b: 1, a: 2 } }),
    event(2, UPDATE),
    event(3, { operationType: "rename", to: { db: "shop", coll: "other" }, operationDescription: { dropTarget: false } }),
  ];
  const segment = sampleSegment({ number: 1, events: 3, payload: Buffer.concat(events) });
  expect(await store.append(segment)).toBe("stored");
  await assertStored(store, segment);
  const [insert, update, rename] = await entries().find().sort({ ts: 1 }).toArray();
  expect(insert).toMatchObject({
    _id: { _data: "826553f10100000001" },
    ts: new Timestamp({ t: 1_700_000_001, i: 1 }),
    wall: new Date(1_000),
    op_type: "insert",
    ns: "shop.orders",
    doc_key: { _id: 7 },
    full_document: { _id: 7, b: 1, a: 2 },
    segment: 1,
    i: 0,
  });
  expect(update).toMatchObject({ op_type: "update", update_description: { updatedFields: { "a.b": 1 } } });
  expect(rename).toMatchObject({ to: { db: "shop", coll: "other" }, operation_description: { dropTarget: false } });
  const indexes = (await entries().indexes()).map(({ key }) => key);
  expect(indexes).toEqual(expect.arrayContaining([{ ts: 1 }, { ns: 1, ts: 1 }, { ns: 1, "doc_key._id": 1 }]));
});

test("oplog entries likewise, with their time as the id", async () => {
  const store = await location.log("orders");
  const ts = new Timestamp({ t: 1_700_000_001, i: 4 });
  const payload = Buffer.concat([
    BSON.serialize({ op: "i", ns: "shop.orders", o: { _id: 1 }, ts, wall: new Date(5) }),
    BSON.serialize({ op: "u", ns: "shop.orders", o2: { _id: 1 }, o: { $v: 2, diff: {} }, ts: new Timestamp({ t: 1_700_000_001, i: 5 }) }),
  ]);
  const segment = sampleSegment({ number: 1, format: "oplog-entry", payload });
  await store.append(segment);
  await assertStored(store, segment);
  const [insert, update] = await entries().find().sort({ i: 1 }).toArray();
  expect(insert).toMatchObject({ _id: ts, ts, op_type: "i", ns: "shop.orders", full_document: { _id: 1 } });
  expect(update).toMatchObject({ op_type: "u", doc_key: { _id: 1 }, operation_description: { $v: 2, diff: {} } });
});

test("an event that another segment holds already is noticed, and its entry stays", async () => {
  const store = await location.log("orders");
  const first = sampleSegment({ number: 1 });
  await store.append(first);
  // The same events under another number: what a collector would do that went wrong.
  const again = sampleSegment({ number: 2, payload: Buffer.concat([event(9, UPDATE), first.payload]), events: 3 });
  await expect(store.append(again)).rejects.toMatchObject({ code: "DAMAGED", message: expect.stringContaining("segment 1 of this log") });
  expect(await entries().countDocuments({ segment: 1 })).toBe(2);
  await assertStored(store, first);
});

test("entries that a removal left behind are in nobody's way", async () => {
  const store = await location.log("orders");
  const segment = sampleSegment({ number: 1 });
  await store.append(segment);
  await client.db(DATABASE).collection("oplogs_orders.segments").deleteMany({});
  const longer = sampleSegment({ number: 1, events: 3, payload: Buffer.concat([event(9, UPDATE), segment.payload]) });
  expect(await store.append(longer)).toBe("stored");
  await assertStored(store, longer);
  await expectEntriesOf(longer);
});

/** What each of an append's writes may come to: it is not done, it is done and nobody hears of it, or all is well. */
const FATES = ["forward", "destroy", "forward-then-cut-at-answer"] as const;

describe.each([
  ["the same writer tries again", (store: Store, _: Store, segment: SealedSegment) => store.append(segment)],
  [
    "the same writer goes on",
    (store: Store, _: Store, segment: SealedSegment) => store.append(sampleSegment({ number: segment.number + 1 })),
  ],
  ["another takes the log over", (_: Store, other: Store) => other.writeCheckpoint(sampleCheckpoint(1, "b"), { takeOver: true })],
  ["another goes on", (_: Store, other: Store, segment: SealedSegment) => other.append(sampleSegment({ number: segment.number + 1 }))],
])("an append that broke off among its writes is made good when %s", (_name, goOn) => {
  test.each(FATES.flatMap((first) => FATES.map((second) => [first, second] as const)))(
    "the segment: %s, its entries: %s",
    async (...fates) => {
      const server = new URL(inject("mongodbUri"));
      await using proxy = await startProxy({ target: { port: Number(server.port) } });
      const dying = await openStore(`${proxy.uri.replace("/?", `/${DATABASE}?`)}&layout=entries`);
      const store = await dying.log("orders");
      const first = sampleSegment({ number: 1 });
      await store.append(first);
      const segment = sampleSegment({ number: 2, previous: first.hash });
      let writes = 0;
      proxy.onClientMessage(({ command }) => (command === "insert" ? (fates[writes++] ?? "destroy") : "forward"));
      const failed = await store.append(segment).then(
        () => false,
        () => true,
      );
      expect(failed).toBe(fates.some((fate) => fate !== "forward"));
      proxy.heal();
      const other = await location.log("orders");
      const stored = await other.read(2);
      await goOn(store, other, segment);
      await dying.close();
      if (stored) await expectEntriesOf(segment);
      await expectEntriesOf(first);
    },
  );
});

test("retention takes entries with their segments, also those that an interrupted one left", async () => {
  const store = await location.log("orders");
  const segments = [1, 2, 3, 4].map((number) => sampleSegment({ number }));
  for (const segment of segments) await store.append(segment);
  await client.db(DATABASE).collection<{ _id: number }>("oplogs_orders.segments").deleteOne({ _id: 1 });
  await store.remove(2);
  expect((await entries().distinct("segment")).toSorted()).toEqual([3, 4]);
  for (const segment of segments.slice(2)) await expectEntriesOf(segment);
  await store.remove();
  expect(await entries().countDocuments()).toBe(0);
});

test("what is done to the entries does not touch the log", async () => {
  const store = await location.log("orders");
  const segment = sampleSegment({ number: 1 });
  await store.append(segment);
  await entries().deleteOne({ i: 1 });
  await entries().updateMany({}, { $set: { ns: "other" } });
  await assertStored(store, segment);
});

test("an event too large to be a document with all of its fields has those that fit", async () => {
  const store = await location.log("orders");
  const large = event(5, { operationType: "insert", fullDocument: { _id: 1, filler: "x".repeat(15.5 * 1024 * 1024) } });
  const segment = sampleSegment({ number: 1, events: 1, payload: large });
  await store.append(segment);
  await assertStored(store, segment);
  const found = await entries().find().toArray();
  expect(found).toMatchObject([{ op_type: "insert", doc_key: { _id: 7 } }]);
  expect(found[0]).not.toHaveProperty("full_document");
});

test("what was compressed elsewhere comes back as it was, and can be queried too", async () => {
  const store = await location.log("orders");
  for (const [index, codec] of (["brotli", "gzip", "none"] as const).entries()) {
    const sample = sampleSegment({ number: index + 1, codec });
    const segment = sealSegment(decodeHeader(sample.header), await compress(codec)(sample.payload));
    expect(await store.append(segment)).toBe("stored");
    await assertStored(store, segment);
    await expectEntriesOf(segment);
  }
});

test("the other layout in the same database is refused, not mistaken for an empty log", async () => {
  await using plain = { location: await openStore(uri("")), [Symbol.asyncDispose]: () => plain.location.close() };
  await (await location.log("a")).append(sampleSegment({ number: 1, log: "a" }));
  await (await plain.location.log("b")).append(sampleSegment({ number: 1, log: "b" }));
  await expect(plain.location.log("a")).rejects.toMatchObject({ code: "BAD_INPUT", hint: expect.stringContaining("Add ?layout=entries") });
  await expect(location.log("b")).rejects.toMatchObject({ code: "BAD_INPUT", hint: expect.stringContaining("Leave layout=entries out") });
  expect([await plain.location.names(), await location.names()]).toEqual([["b"], ["a"]]);
});

test("it can't be encrypted, and says so", async () => {
  const secret = await openStore(uri("layout=entries&"), { keys: keyring([Buffer.alloc(32)]) });
  await expect(secret.log("orders")).rejects.toMatchObject({ code: "BAD_INPUT", message: expect.stringContaining("can't be encrypted") });
  await secret.close();
});
