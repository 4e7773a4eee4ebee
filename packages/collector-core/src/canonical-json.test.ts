import fc from "fast-check";
import { Binary, BSON, BSONRegExp, Code, Decimal128, Double, Int32, Long, MaxKey, MinKey, ObjectId, Timestamp } from "mongodb";
import { expect, test } from "vitest";
import { canonicalJson } from "./canonical-json.js";

const bytesOf = (document: object): Buffer => Buffer.from(BSON.serialize(document));

/** A document of elements as they are given: an object could not hold these names in this order. */
function withNames(...elements: [string, number][]): Buffer {
  const parts = elements.map(([name, value]) => {
    const bytes = Buffer.alloc(4);
    bytes.writeInt32LE(value);
    return Buffer.concat([Buffer.from([0x10]), Buffer.from(`${name}\0`), bytes]);
  });
  const body = Buffer.concat([...parts, Buffer.from([0])]);
  const length = Buffer.alloc(4);
  length.writeInt32LE(4 + body.length);
  return Buffer.concat([length, body]);
}

test("every type keeps its canonical form", () => {
  const document = {
    double: new Double(1),
    negativeZero: new Double(-0),
    notANumber: new Double(Number.NaN),
    int: new Int32(1),
    long: Long.fromString("9007199254740993"),
    decimal: Decimal128.fromString("1.10"),
    text: 'quote " line \n nul \u0000 emoji 🙂',
    id: new ObjectId("656f00c2a1b2c3d4e5f60718"),
    date: new Date(-1),
    time: new Timestamp({ t: 1, i: 2 }),
    binary: new Binary(Buffer.from([1, 2]), 5),
    regex: new BSONRegExp("a/b", "imsx"),
    code: new Code("f()", { x: new Int32(1) }),
    min: new MinKey(),
    max: new MaxKey(),
    nothing: null,
    yes: true,
    list: [new Int32(1), { a: [] }],
    empty: {},
  };
  expect(canonicalJson(bytesOf(document))).toBe(BSON.EJSON.stringify(document, { relaxed: false }));
});

test("integer-like and repeated names stay where they are", () => {
  const ofOne = '{"$numberInt":"1"}';
  expect(canonicalJson(withNames(["b", 1], ["2", 1], ["1", 1], ["b", 1], ["__proto__", 1]))).toBe(
    `{"b":${ofOne},"2":${ofOne},"1":${ofOne},"b":${ofOne},"__proto__":${ofOne}}`,
  );
});

test("invalid UTF-8, an old undefined and a date beyond what JavaScript has are printed, not thrown", () => {
  const date = bytesOf({ a: new Date(0) });
  date.writeBigInt64LE(2n ** 63n - 1n, 7);
  expect(canonicalJson(date)).toBe('{"a":{"$date":{"$numberLong":"9223372036854775807"}}}');
  const bytes = bytesOf({ a: "xx" });
  bytes[11] = 0xff;
  expect(JSON.parse(canonicalJson(bytes))).toEqual({ a: "\ufffdx" });
  expect(canonicalJson(Buffer.from([0x08, 0, 0, 0, 0x06, 0x61, 0, 0]))).toBe('{"a":{"$undefined":true}}');
});

test("what is printed reads back as the same bytes", () => {
  const scalar = fc.oneof(
    fc.string(),
    fc.boolean(),
    fc.constant(null),
    fc.double().map((value) => new Double(value)),
    fc.integer().map((value) => new Int32(value)),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((value) => Long.fromBigInt(value)),
    fc.date({ noInvalidDate: true }),
  );
  // Not integer-like, which the object that EJSON makes would move; not with "$", which it would take for a type.
  const name = fc.string({ minLength: 1 }).filter((text) => /^[a-z]/i.test(text) && !text.includes("\0") && !text.includes("$"));
  const document = fc.letrec<{ value: unknown; document: Record<string, unknown> }>((tie) => ({
    value: fc.oneof({ maxDepth: 3 }, scalar, fc.array(tie("value"), { maxLength: 4 }), tie("document")),
    document: fc.dictionary(name, tie("value"), { maxKeys: 5, noNullPrototype: true }),
  })).document;
  fc.assert(
    fc.property(document, (value) => {
      const bytes = bytesOf(value);
      expect(bytesOf(BSON.EJSON.parse(canonicalJson(bytes), { relaxed: false }) as object)).toEqual(bytes);
    }),
    { numRuns: 300 },
  );
});
