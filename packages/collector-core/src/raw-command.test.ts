import { MongoClient } from "mongodb";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { document, element, stringElement } from "./bson-writer.js";
import { BSON_TYPE, rawElement, rawElements } from "./raw-bson.js";
import { rawField, runWithDocuments } from "./raw-command.js";

const DATABASE = "raw_command_test";
let client: MongoClient;

beforeAll(async () => {
  client = await new MongoClient(inject("mongodbUri")).connect();
});
afterAll(async () => {
  await client.db(DATABASE).dropDatabase();
  await client.close();
});

const int = (n: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(n);
  return bytes;
};

/** What no object can hold: two fields of one name, names like integers out of order, a double without a fraction, text that is no UTF-8, undefined. */
const AWKWARD = document([
  element(BSON_TYPE.int, "_id", int(1)),
  element(BSON_TYPE.int, "10", int(1)),
  element(BSON_TYPE.int, "2", int(2)),
  element(BSON_TYPE.int, "twice", int(3)),
  element(BSON_TYPE.int, "twice", int(4)),
  element(BSON_TYPE.double, "double", Buffer.from(new Float64Array([1]).buffer)),
  element(BSON_TYPE.string, "broken", Buffer.from([3, 0, 0, 0, 0xff, 0xfe, 0])),
  element(0x06, "undefined", Buffer.alloc(0)),
]);

async function stored(collection: string): Promise<Buffer> {
  const { cursor } = await client.db(DATABASE).command({ find: collection }, { raw: true });
  const batch = Buffer.from(cursor as Uint8Array);
  const first = rawElement(batch, "firstBatch")!;
  for (const { valueStart, end } of rawElements(batch, first.valueStart)) return batch.subarray(valueStart, end);
  throw new Error("nothing is stored");
}

test("documents sent beside the command arrive byte for byte, however they are cut", async () => {
  const db = client.db(DATABASE);
  const both = Buffer.concat([AWKWARD, document([element(BSON_TYPE.int, "_id", int(2))])]);
  const chunks = [both.subarray(0, 11), both.subarray(11)];
  expect(await runWithDocuments(db, { insert: "documents" }, { name: "documents", chunks })).toMatchObject({ n: 2, ok: 1 });
  expect(await stored("documents")).toEqual(AWKWARD);
});

test("a field of raw bytes arrives byte for byte, at any place of the command", async () => {
  const db = client.db(DATABASE);
  const insert = document([stringElement("op", "i"), stringElement("ns", `${DATABASE}.field`), element(BSON_TYPE.document, "o", AWKWARD)]);
  await db.createCollection("field");
  const operations = rawField("applyOps", BSON_TYPE.array, document([element(BSON_TYPE.document, "0", insert)]));
  await client.db("admin").command({ ...operations, allowAtomic: false });
  expect(await stored("field")).toEqual(AWKWARD);
  const found = await db.command({
    find: "field",
    ...rawField("filter", BSON_TYPE.document, document([element(BSON_TYPE.int, "twice", int(3))])),
    // The driver decodes this answer, and would trip over what the document has in it.
    projection: { _id: 1 },
    limit: 1,
  });
  expect(found.cursor.firstBatch).toHaveLength(1);
});

test("every type of value, and names that are not ASCII, can be a raw field", async () => {
  for (const [type, bytes] of [
    [BSON_TYPE.bool, Buffer.of(1)],
    [BSON_TYPE.string, Buffer.from([2, 0, 0, 0, 0x61, 0])],
    [BSON_TYPE.long, Buffer.alloc(8, 1)],
  ] as const)
    await client.db("admin").command({ ping: 1, comment: 1, ...rawField("comment", type, bytes) });
  await expect(client.db("admin").command({ ping: 1, ...rawField("größe", BSON_TYPE.int, int(1)) })).rejects.toMatchObject({
    message: expect.stringContaining("größe"),
  });
});

test("a document of 16 MiB, and many together beyond what a command holds, go through", async () => {
  const text = Buffer.alloc(16 * 1024 * 1024 - 40, "x");
  const large = (id: number) => document([element(BSON_TYPE.int, "_id", int(id)), stringElement("text", text.toString("latin1"))]);
  const db = client.db(DATABASE);
  expect(await runWithDocuments(db, { insert: "large" }, { name: "documents", chunks: [large(1), large(2)] })).toMatchObject({ n: 2 });
});
