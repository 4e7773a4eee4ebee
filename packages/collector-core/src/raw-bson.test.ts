import fc from "fast-check";
import {
  Binary,
  BSON,
  BSONRegExp,
  BSONSymbol,
  Code,
  DBRef,
  Decimal128,
  Double,
  Int32,
  Long,
  MaxKey,
  MinKey,
  ObjectId,
  Timestamp,
} from "mongodb";
import { describe, expect, test } from "vitest";
import { afterName, documentsIn, documentsInArray, rawElement, rawElements, rawNumber, rawString, rawValue } from "./raw-bson.js";

/** Names have no zero byte; all else may be in them, also integers, which a decoded object would move to the front. */
const name = fc.string({ maxLength: 6 }).filter((text) => !text.includes("\0") && text !== "__proto__");

/** A value of every type that BSON has (but DBPointer and undefined, which the library does not write). */
const value: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  leaf: fc.oneof(
    fc.double().map((number) => new Double(number)),
    fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }).map((number) => new Int32(number)),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((number) => Long.fromBigInt(number)),
    fc.string({ unit: "binary" }),
    fc.uint8Array({ maxLength: 20 }).map((bytes) => new Binary(bytes, 0)),
    fc.boolean(),
    fc.date({ noInvalidDate: true }),
    fc.constantFrom(
      null,
      new MinKey(),
      new MaxKey(),
      new BSONSymbol("symbol"),
      new Code("f"),
      new Code("f", { a: 1 }),
      Decimal128.fromString("1.5"),
    ),
    fc.constantFrom(new BSONRegExp("", "i"), new BSONRegExp("a|b", ""), new DBRef("c", new ObjectId())),
    fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((number) => new Timestamp(number)),
    fc.constant(new ObjectId()),
  ),
  document: fc.dictionary(name, tie("value"), { maxKeys: 4 }),
  array: fc.array(tie("value"), { maxLength: 4 }),
  value: fc.oneof({ maxDepth: 3, withCrossShrink: true }, tie("leaf"), tie("document"), tie("array")),
})).value;

const entries = fc.uniqueArray(fc.tuple(name, value), { selector: ([key]) => key, maxLength: 8 });

/** Element by element, so that the order is ours. */
function documentOf(elements: readonly (readonly [string, unknown])[]): Buffer {
  const bodies = elements.map(([key, content]) => Buffer.from(BSON.serialize({ [key]: content })).subarray(4, -1));
  const length = bodies.reduce((sum, body) => sum + body.length, 5);
  const head = Buffer.alloc(4);
  head.writeInt32LE(length);
  return Buffer.concat([head, ...bodies, Buffer.from([0])]);
}

describe("any document", () => {
  test("is walked element by element, in its order, to its last byte", () => {
    fc.assert(
      fc.property(entries, (elements) => {
        const bytes = documentOf(elements);
        const walked = [...rawElements(bytes)];
        expect(walked.map((element) => element.name)).toEqual(elements.map(([key]) => key));
        let at = 4;
        for (const { start, valueStart, end, name: key } of walked) {
          expect(start).toBe(at);
          expect(valueStart).toBe(start + 1 + Buffer.byteLength(key) + 1);
          at = end;
        }
        expect(at).toBe(bytes.length - 1);
      }),
    );
  });

  test("gives each value's own bytes by its name, wherever it lies", () => {
    fc.assert(
      fc.property(entries, fc.nat(9), (elements, offset) => {
        const bytes = Buffer.concat([Buffer.alloc(offset, 0xff), documentOf(elements)]);
        for (const [key, content] of elements) {
          const found = rawElement(bytes, key, offset)!;
          const alone = Buffer.from(BSON.serialize({ [key]: content }));
          expect(bytes.subarray(found.start, found.end)).toEqual(alone.subarray(4, -1));
        }
        expect(rawElement(bytes, "no such name", offset)).toBeUndefined();
      }),
    );
  });

  test("is found among others that lie one after another, or in an array", () => {
    fc.assert(
      fc.property(fc.array(entries, { maxLength: 12 }), (list) => {
        const documents = list.map(documentOf);
        expect([...documentsIn(Buffer.concat(documents))]).toEqual(documents);
        const array = documentOf(documents.map((_, index) => [String(index), {}] as const));
        expect([...documentsInArray(array)].length).toBe(documents.length);
        const real = Buffer.from(BSON.serialize({ array: list.map((elements) => Object.fromEntries(elements)) }));
        const { bytes } = rawValue(real, "array")!;
        expect([...documentsInArray(bytes)].map((at) => bytes.readInt32LE(at)).length).toBe(list.length);
      }),
    );
  });
});

test("a value is found at a path of names", () => {
  const bytes = Buffer.from(BSON.serialize({ a: { b: [{ c: "text" }, 7] }, n: null }));
  expect(rawString(rawValue(bytes, "a", "b", "0", "c")!.bytes)).toBe("text");
  expect(rawNumber(rawValue(bytes, "a", "b", "1"))).toBe(7);
  expect(rawValue(bytes, "a", "x", "0")).toBeUndefined();
});

test("a number is read whatever type it has, and nothing else is a number", () => {
  const bytes = Buffer.from(BSON.serialize({ int: new Int32(-3), long: Long.fromNumber(2 ** 40), double: new Double(1.5), text: "1" }));
  expect(["int", "long", "double", "text", "none"].map((key) => rawNumber(rawValue(bytes, key)))).toEqual([
    -3,
    2 ** 40,
    1.5,
    undefined,
    undefined,
  ]);
});

test("the name's end is found from an element's first byte", () => {
  const bytes = documentOf([["name", 1]]);
  expect(afterName(bytes, 4)).toBe(4 + 1 + "name".length + 1);
});

describe("what is no BSON", () => {
  const document = documentOf([["a", "text"]]);

  test("an unknown type is named", () => {
    const bytes = Buffer.from(document);
    bytes[4] = 0x55;
    expect(() => [...rawElements(bytes)]).toThrow(/type 0x55/);
  });

  test.each([
    ["a length beyond the end", (bytes: Buffer) => bytes.writeInt32LE(bytes.length + 1)],
    ["a length that no document has", (bytes: Buffer) => bytes.writeInt32LE(4)],
    ["a negative length", (bytes: Buffer) => bytes.writeInt32LE(-1)],
  ])("%s is refused, and not walked past the end", (_, damage) => {
    const bytes = Buffer.from(document);
    damage(bytes);
    expect(() => [...documentsIn(bytes)]).toThrow(RangeError);
  });
});
