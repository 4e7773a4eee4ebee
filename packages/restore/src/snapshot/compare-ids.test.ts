import { Binary, BSON, Code, Decimal128, Double, Int32, Long, MaxKey, MinKey, MongoClient, ObjectId, Timestamp, UUID } from "mongodb";
import { expect, inject, test } from "vitest";
import { compareIds } from "./compare-ids.js";

const document = (_id: unknown): Buffer => Buffer.from(BSON.serialize({ _id }));

/** One of every type that `_id` can have, and the edges of those that compare across types. */
const IDS: unknown[] = [
  new MinKey(),
  null,
  ...[-1, 0, 1, 2 ** 31 - 1].map((n) => new Int32(n)),
  ...[Number.NaN, Number.NEGATIVE_INFINITY, -0.5, 0.1, 1e300, 5e-324, 2 ** 53, Number.POSITIVE_INFINITY].map((n) => new Double(n)),
  ...["-9223372036854775808", "9007199254740993", "9223372036854775807"].map((n) => Long.fromString(n)),
  ...["0.3", "1E+400", "-1E-400", "9007199254740992.5", "12.5"].map((n) => Decimal128.fromString(n)),
  "",
  "a",
  "a\0b",
  "ab",
  "é",
  "\u{1f600}",
  {},
  { a: 1 },
  { a: "1" },
  { a: 1, b: 1 },
  { b: 0 },
  { a: { b: [1, 2] } },
  { a: { b: [1, 3] } },
  new Binary(Buffer.from([1]), 0),
  new Binary(Buffer.from([0, 0]), 0),
  new Binary(Buffer.from([1]), 5),
  new UUID("00112233-4455-6677-8899-aabbccddeeff"),
  new ObjectId("000000000000000000000001"),
  new ObjectId("ff0000000000000000000001"),
  false,
  true,
  new Date(-1),
  new Date(0),
  new Date(1e15),
  new Timestamp({ t: 1, i: 2 }),
  new Timestamp({ t: 4_000_000_000, i: 1 }),
  new Code("a"),
  new Code("b"),
  new MaxKey(),
];

test("orders ids of all types as the server's index does", async () => {
  await using client = await new MongoClient(inject("mongodbUri")).connect();
  const collection = client.db("compare_ids").collection("ids");
  await collection.drop();
  await collection.insertMany(IDS.map((_id) => ({ _id: _id as never })));
  const cursor = collection.find({}, { raw: true, hint: { _id: 1 } });
  const server = (await cursor.toArray()).map((bytes) => Buffer.from(bytes as unknown as Uint8Array));
  expect(server).toHaveLength(IDS.length);
  const ours = server.toReversed().sort(compareIds);
  expect(ours.map((bytes) => bytes.toString("hex"))).toEqual(server.map((bytes) => bytes.toString("hex")));
  await client.db("compare_ids").dropDatabase();
});

test("takes ids of different types for equal where the server does", () => {
  expect(compareIds(document(new Int32(1)), document(new Double(1)))).toBe(0);
  expect(compareIds(document(Long.fromNumber(2 ** 40)), document(Decimal128.fromString("1099511627776.00")))).toBe(0);
  expect(compareIds(document(new Double(0.1)), document(Decimal128.fromString("0.1")))).not.toBe(0);
});
