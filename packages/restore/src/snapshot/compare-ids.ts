import { BSON_TYPE, type RawElement, rawElement, rawElements } from "@oplog-collector/collector-core";
import { Decimal128 } from "mongodb";

/**
 * The server's order of `_id` values, for raw documents: which range of a collection a document is in decides from when on the log's events apply
 * to it. A collation would order strings in its own way, so collections that have one are not read in ranges.
 */
export function compareIds(a: Buffer, b: Buffer): number {
  return compareValues(a, rawElement(a, "_id")!, b, rawElement(b, "_id")!);
}

/** Whether this module knows the order of a collection with these options. */
export const idsAreComparable = (options: Buffer): boolean => rawElement(options, "collation") === undefined;

/** Types in the order in which the server sorts them; types that sort as one share a rank. */
const RANK: Record<number, number> = {
  255: -1, // min key
  6: 0, // undefined
  10: 5, // null
  1: 10, // double
  16: 10, // int
  18: 10, // long
  19: 10, // decimal
  2: 15, // string
  14: 15, // symbol
  3: 20, // document
  4: 25, // array
  5: 30, // binary
  7: 35, // object id
  8: 40, // bool
  9: 45, // date
  17: 47, // timestamp
  11: 50, // regular expression
  12: 55, // DBPointer
  13: 60, // code
  15: 65, // code with scope
  127: 127, // max key
};

type At = Pick<RawElement, "type" | "valueStart" | "end">;

function compareValues(a: Buffer, x: At, b: Buffer, y: At): number {
  const rank = RANK[x.type]!;
  if (rank !== RANK[y.type]!) return rank - RANK[y.type]!;
  const [left, right] = [a.subarray(x.valueStart, x.end), b.subarray(y.valueStart, y.end)];
  switch (rank) {
    case 10:
      return compareNumbers(x.type, left, y.type, right);
    case 15:
    case 60: // text after its length, without the zero at its end
      return left.subarray(4, -1).compare(right.subarray(4, -1));
    case 20:
    case 25:
      return compareDocuments(left, right);
    case 30: {
      const [length, otherLength] = [left.readInt32LE(0), right.readInt32LE(0)];
      return length - otherLength || left.subarray(4).compare(right.subarray(4));
    }
    case 45:
      return sign(left.readBigInt64LE(0) - right.readBigInt64LE(0));
    case 47:
      return sign(left.readBigUInt64LE(0) - right.readBigUInt64LE(0));
    default:
      return left.compare(right);
  }
}

function compareDocuments(a: Buffer, b: Buffer): number {
  const [left, right] = [rawElements(a), rawElements(b)];
  for (;;) {
    const [x, y] = [left.next(), right.next()];
    if (x.done || y.done) return Number(y.done ?? false) - Number(x.done ?? false);
    const rank = RANK[x.value.type]! - RANK[y.value.type]!;
    if (rank !== 0) return rank;
    const name = Buffer.from(x.value.name).compare(Buffer.from(y.value.name));
    if (name !== 0) return name;
    const value = compareValues(a, x.value, b, y.value);
    if (value !== 0) return value;
  }
}

/** A number as digits × 10^exponent, exactly; infinities and NaN (before all others) as themselves. */
type Exact = { digits: bigint; exponent: number } | { special: number };

function compareNumbers(type: number, a: Buffer, otherType: number, b: Buffer): number {
  if (type === otherType && type !== BSON_TYPE.double && type !== 19)
    return type === BSON_TYPE.int ? sign(a.readInt32LE(0) - b.readInt32LE(0)) : sign(a.readBigInt64LE(0) - b.readBigInt64LE(0));
  const [x, y] = [exact(type, a), exact(otherType, b)];
  if ("special" in x || "special" in y) return order(x) - order(y);
  const least = Math.min(x.exponent, y.exponent);
  return sign(x.digits * 10n ** BigInt(x.exponent - least) - y.digits * 10n ** BigInt(y.exponent - least));
}

/** NaN < -Infinity < every number < Infinity. */
const order = (value: Exact): number => ("special" in value ? (Number.isNaN(value.special) ? -2 : value.special > 0 ? 1 : -1) : 0);

function exact(type: number, value: Buffer): Exact {
  if (type === BSON_TYPE.int) return { digits: BigInt(value.readInt32LE(0)), exponent: 0 };
  if (type === BSON_TYPE.long) return { digits: value.readBigInt64LE(0), exponent: 0 };
  if (type === BSON_TYPE.double) return exactDouble(value);
  return exactDecimal(new Decimal128(Uint8Array.from(value)).toString());
}

function exactDouble(value: Buffer): Exact {
  const number = value.readDoubleLE(0);
  if (!Number.isFinite(number)) return { special: number };
  const bits = value.readBigUInt64LE(0);
  const biased = Number((bits >> 52n) & 0x7ffn);
  const fraction = bits & 0xfffffffffffffn;
  const mantissa = (biased === 0 ? fraction : fraction | (1n << 52n)) * (bits >> 63n ? -1n : 1n);
  const power = (biased || 1) - 1075;
  // 2^-n is 5^n × 10^-n.
  return power >= 0 ? { digits: mantissa << BigInt(power), exponent: 0 } : { digits: mantissa * 5n ** BigInt(-power), exponent: power };
}

function exactDecimal(text: string): Exact {
  if (text === "NaN") return { special: Number.NaN };
  if (text.endsWith("Infinity")) return { special: text.startsWith("-") ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY };
  const [mantissa, power = "0"] = text.split("E") as [string, string?];
  const [whole, fraction = ""] = mantissa.split(".") as [string, string?];
  return { digits: BigInt(whole + fraction), exponent: Number(power) - fraction.length };
}

const sign = (difference: bigint | number): number => (difference < 0 ? -1 : difference > 0 ? 1 : 0);
