/// <reference path="../../../../scripts/vitest-context.d.ts" />
import { BSON, Collection, type Document, MongoClient, Timestamp } from "mongodb";
import { afterAll, beforeAll, beforeEach, expect, inject, test, vi } from "vitest";
import { startProxy } from "../../../../scripts/tcp-proxy.mjs";
import { compress } from "../codec.js";
import { keyring } from "../keyring.js";
import { decodeHeader, type SealedSegment, sealSegment } from "../segment.js";
import type { StoreLocation } from "../store.js";
import { assertStored, collect } from "./conformance-segments.js";
import { openStore } from "./open-store.js";
import { sampleSegment } from "./sample-segment.js";

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

test("a segment is there with all of its entries, or with none", async () => {
  const store = await location.log("orders");
  const first = sampleSegment({ number: 1 });
  await store.append(first);
  // The same events under another number: what a collector would do that went wrong.
  const again = sampleSegment({ number: 2, payload: Buffer.concat([event(9, UPDATE), first.payload]), events: 3 });
  await expect(store.append(again)).rejects.toMatchObject({ code: "DAMAGED", message: expect.stringContaining("another segment") });
  expect(await store.read(2)).toBeNull();
  expect(await entries().countDocuments()).toBe(2);
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
  expect(await entries().countDocuments()).toBe(3);
});

test("what another writer stores while such entries are removed stays", async () => {
  const [store, other] = [await location.log("orders"), await location.log("orders")];
  const stray = sampleSegment({ number: 1 });
  await store.append(stray);
  await client.db(DATABASE).collection("oplogs_orders.segments").deleteMany({});
  const theirs = sampleSegment({ number: 1, events: 1, payload: event(20, UPDATE) });
  const deleteMany = Collection.prototype.deleteMany;
  const meanwhile = vi.spyOn(Collection.prototype, "deleteMany").mockImplementationOnce(async function (this: Collection, ...asked) {
    expect(await other.append(theirs)).toBe("stored");
    return deleteMany.apply(this, asked);
  });
  try {
    expect(await store.append(stray)).toBe("taken");
    expect(meanwhile).toHaveBeenCalled();
  } finally {
    meanwhile.mockRestore();
  }
  await assertStored(store, theirs);
  expect(await entries().countDocuments()).toBe(1);
});

test("an append whose client is gone is ended by the next one: the number is free again at once, and the log can be removed", async () => {
  const server = new URL(inject("mongodbUri"));
  await using proxy = await startProxy({ target: { port: Number(server.port) } });
  const [stored, other] = [sampleSegment({ number: 1 }), sampleSegment({ number: 1, events: 3 })];
  /** As `kill -9` leaves it: the server has header and entries, and neither a commit nor an abort ever comes. */
  const leaveOpen = async (segment: SealedSegment) => {
    const dying = await openStore(`${proxy.uri.replace("/?", `/${DATABASE}?`)}&layout=entries`);
    proxy.onClientMessage(({ command }) => (/^(commit|abort)Transaction$/.test(command) ? "destroy" : "forward"));
    await expect((await dying.log("orders")).append(segment)).rejects.toThrow();
    await dying.close();
  };
  await leaveOpen(other);
  const store = await location.log("orders");
  expect(await store.append(stored)).toBe("stored");
  await assertStored(store, stored);
  expect(await entries().countDocuments()).toBe(2);
  await leaveOpen(sampleSegment({ number: 2, previous: stored.hash }));
  await store.remove();
  expect(await entries().countDocuments()).toBe(0);
}, 30_000); // half of what the server would wait

test("an entry that is gone or was changed is noticed", async () => {
  const store = await location.log("orders");
  await store.append(sampleSegment({ number: 1 }));
  await entries().deleteOne({ i: 1 });
  await expect(store.read(1)).rejects.toMatchObject({ code: "DAMAGED", message: expect.stringContaining("has 1 of its 2 entries") });
});

test("what was compressed elsewhere comes back as it was, and can be queried too; so can an event too large to be in a document twice", async () => {
  const store = await location.log("orders");
  const sample = sampleSegment({ number: 1, codec: "gzip" });
  const compressed = sealSegment(decodeHeader(sample.header), await compress("gzip")(sample.payload));
  const large = event(5, { operationType: "insert", fullDocument: { _id: 1, filler: "x".repeat(9 * 1024 * 1024) } });
  const second = sampleSegment({ number: 2, events: 1, payload: large, previous: compressed.hash });
  for (const segment of [compressed, second]) {
    expect(await store.append(segment)).toBe("stored");
    await assertStored(store, segment);
  }
  expect(await entries().countDocuments({ op_type: "insert" })).toBe(3);
  expect(await collect(store.headers())).toHaveLength(2);
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
