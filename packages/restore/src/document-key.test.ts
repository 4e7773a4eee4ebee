import fc from "fast-check";
import { BSON, Decimal128, Double, Int32, Long, ObjectId } from "mongodb";
import { expect, test } from "vitest";
import { documentKeyOf } from "./document-key.js";

const keyOf = (_id: unknown): string => documentKeyOf(Buffer.from(BSON.serialize({ _id })));

test("numbers that the server takes for equal have one key, at any depth", () => {
  fc.assert(
    fc.property(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), (n) => {
      const forms = [new Int32(n), new Double(n), Long.fromNumber(n), Decimal128.fromString(String(n)), Decimal128.fromString(`${n}.00`)];
      expect(new Set(forms.map(keyOf)).size).toBe(1);
      expect(new Set(forms.map((form) => keyOf({ a: { b: [form, 1] } }))).size).toBe(1);
    }),
  );
  expect(keyOf(new Double(-0))).toBe(keyOf(new Int32(0)));
});

test("values that differ have different keys", () => {
  const id = new ObjectId();
  const values = [
    1,
    2,
    1.5,
    "1",
    "n1",
    id,
    id.toHexString(),
    new Date(1),
    true,
    null,
    { a: 1 },
    { b: 1 },
    { a: 1, b: 1 },
    Long.MAX_VALUE,
    Buffer.from("1"),
  ];
  expect(new Set(values.map(keyOf)).size).toBe(values.length);
});

test("the _id is found wherever it stands, as in the document keys of a sharded collection", () => {
  expect(documentKeyOf(Buffer.from(BSON.serialize({ country: "de", _id: 7 })))).toBe(keyOf(7));
});
