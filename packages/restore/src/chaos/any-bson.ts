import { BSON_TYPE, document, element } from "@oplog-collector/collector-core";
import fc from "fast-check";
import {
  Binary,
  BSON,
  BSONRegExp,
  BSONSymbol,
  Code,
  Decimal128,
  Double,
  Int32,
  Long,
  MaxKey,
  MinKey,
  ObjectId,
  Timestamp,
  UUID,
} from "mongodb";

/** A document as its fields one after another: names may come twice, look like integers, or be empty, and keep their order. */
export class Fields {
  constructor(readonly list: readonly (readonly [name: string, value: unknown])[]) {}

  with(name: string, value: unknown): Fields {
    return new Fields([...this.list, [name, value]]);
  }
}

/** The BSON type that no value of the language stands for. */
const UNDEFINED = Symbol("undefined");
const UNDEFINED_TYPE = 6;

/** BSON of anything: of `Fields` and plain objects at any depth, and of what the driver knows. */
export function encode(value: unknown): { type: number; bytes: Buffer } {
  if (value === UNDEFINED) return { type: UNDEFINED_TYPE, bytes: Buffer.alloc(0) };
  if (value instanceof Fields) return { type: BSON_TYPE.document, bytes: encodeFields(value.list) };
  if (Array.isArray(value)) return { type: BSON_TYPE.array, bytes: encodeFields(value.map((item, index) => [String(index), item])) };
  if (value !== null && typeof value === "object" && Object.getPrototypeOf(value) === Object.prototype)
    return { type: BSON_TYPE.document, bytes: encodeFields(Object.entries(value)) };
  const whole = Buffer.from(BSON.serialize({ v: value }));
  return { type: whole[4]!, bytes: whole.subarray(7, whole.length - 1) };
}

const encodeFields = (list: readonly (readonly [string, unknown])[]): Buffer =>
  document(
    list.map(([name, value]) => {
      const { type, bytes } = encode(value);
      return element(type, name, bytes);
    }),
  );

export const encodeDocument = (value: Fields | object): Buffer => encode(value).bytes;

/** Names that paths, operators, objects and diffs trip over. */
export const anyName = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom("a", "b", "c", "d", "list", "sub") },
  {
    weight: 4,
    arbitrary: fc.constantFrom(
      ...["a.b", "a.", ".a", "..", "", "$x", "$set", "$ref", "$id", "x.$y", "0", "1", "2", "10", "-1", "007", "é", "日本", "\u{1F600}"],
      ...["__proto__", "constructor", "toString", "u", "i", "d", "s", "sa", "ua", "l", "diff", "$v", " ", "a b", "A", "x".repeat(300)],
    ),
  },
);

/** Names that an operator takes for a plain field. */
export const plainName = fc.constantFrom("a", "b", "c", "d", "list", "sub", "0", "1", "10", "é", "u", "i", "s", "A");

export const anyNumber = fc.oneof(
  fc.integer({ min: -3, max: 100 }).map((n) => new Int32(n)),
  fc.constantFrom(new Double(1), new Double(-0), new Double(Number.NaN), new Double(1e300), new Double(0.1), new Double(-Infinity)),
  fc.constantFrom(Long.fromNumber(1), Long.MAX_VALUE, Long.fromNumber(-7)),
  fc.constantFrom("1", "1.0", "1.00", "NaN", "-0E-6176", "9.99E6144").map((text) => Decimal128.fromString(text)),
);

const anyScalar: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 4, arbitrary: anyNumber },
  { weight: 3, arbitrary: fc.constantFrom("", "text", "a\0b", "é\u{1F600}", "$a", "$$ROOT", "x".repeat(400)) },
  {
    weight: 3,
    arbitrary: fc.constantFrom<unknown>(
      ...[null, true, false, UNDEFINED, new Date(0), new Date(-1), new Date(8.64e15), new MinKey(), new MaxKey()],
      ...[
        new Timestamp(0n),
        new Timestamp({ t: 5, i: 6 }),
        new ObjectId("0123456789abcdef01234567"),
        new UUID("00112233445566778899aabbccddeeff"),
      ],
      ...[new Binary(Buffer.alloc(0)), new Binary(Buffer.from("abc"), 0x80), new Binary(Buffer.alloc(16, 7), 3)],
      ...[new BSONRegExp("a.*b", "imsx"), new Code("x"), new Code("x", { y: 1 }), new BSONSymbol("s")],
    ),
  },
);

export const { anyValue, anyFields } = fc.letrec<{ anyValue: unknown; anyFields: Fields }>((tie) => ({
  anyValue: fc.oneof(
    { maxDepth: 3, depthSize: "small" },
    { weight: 5, arbitrary: anyScalar },
    { weight: 2, arbitrary: fc.array(tie("anyValue"), { maxLength: 12 }) },
    { weight: 2, arbitrary: tie("anyFields") },
  ),
  // Each name once: an update with a pipeline that adds one name twice ends the server (6.0.5: invariant in document_diff_serialization.cpp).
  anyFields: fc
    .uniqueArray(fc.tuple(anyName, tie("anyValue")), { maxLength: 6, selector: ([name]) => name })
    .map((list) => new Fields(list)),
}));

/** Few, so that steps meet the same documents again; several of them are equal to the server, or nearly. */
export const anyId: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 5, arbitrary: fc.integer({ min: 0, max: 5 }).map((n) => new Int32(n)) },
  {
    weight: 2,
    arbitrary: fc.constantFrom<unknown>(
      ...[new Double(1), Long.fromNumber(2), Decimal128.fromString("3.0"), new Double(Number.NaN), null, "1", "", new Date(1)],
      ...[
        new Binary(Buffer.from("id")),
        new Fields([["a", 1]]),
        new Fields([["a", new Double(1)]]),
        new Fields([["b", [1]]]),
        new MinKey(),
        true,
      ],
    ),
  },
);

const FIXED = new Set(["_id", "n", "list", "items", "sub", "pad"]);

/** What operators find something to do with: arrays, numbers, documents in documents, and any other field. */
export const anyDocument = fc
  .record({
    id: anyId,
    n: anyNumber,
    list: fc.array(fc.oneof(anyNumber, fc.constantFrom("p", "q")), { maxLength: 12 }),
    items: fc.array(
      fc.tuple(fc.integer({ min: 0, max: 4 }), anyValue).map(
        ([k, v]) =>
          new Fields([
            ["k", k],
            ["v", v],
          ]),
      ),
      { maxLength: 4 },
    ),
    sub: anyFields,
    rest: anyFields,
    pad: fc.constantFrom("", "y".repeat(500)),
  })
  .map(
    ({ id, n, list, items, sub, rest, pad }) =>
      new Fields([
        ["_id", id],
        ["n", n],
        ["list", list],
        ["items", items],
        ["sub", sub],
        ...rest.list.filter(([name]) => !FIXED.has(name)),
        ["pad", pad],
      ]),
  );
