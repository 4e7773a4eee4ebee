/**
 * Walks BSON bytes without making an object of them. Decoding and encoding again is not the identity (integer-like keys move, 1.0
 * becomes an int, regex flags and invalid UTF-8 are lost), and one object for each event would be the slowest part of capture.
 */

export const BSON_TYPE = {
  double: 0x01,
  string: 0x02,
  document: 0x03,
  array: 0x04,
  binary: 0x05,
  bool: 0x08,
  date: 0x09,
  int: 0x10,
  timestamp: 0x11,
  long: 0x12,
} as const;

/** The bytes that a value of `type` takes, from its first byte at `at`. */
export function valueLength(type: number, bytes: Buffer, at: number): number {
  switch (type) {
    case 0x01: // double
    case 0x09: // date
    case 0x11: // timestamp
    case 0x12: // long
      return 8;
    case 0x02: // string
    case 0x0d: // code
    case 0x0e: // symbol
      return 4 + bytes.readInt32LE(at);
    case 0x03: // document
    case 0x04: // array
    case 0x0f: // code with scope
      return bytes.readInt32LE(at);
    case 0x05: // binary
      return 5 + bytes.readInt32LE(at);
    case 0x06: // undefined
    case 0x0a: // null
    case 0xff: // min key
    case 0x7f: // max key
      return 0;
    case 0x07: // object id
      return 12;
    case 0x08: // bool
      return 1;
    case 0x0b: {
      // regular expression: two C strings
      const pattern = bytes.indexOf(0, at);
      return bytes.indexOf(0, pattern + 1) + 1 - at;
    }
    case 0x0c: // DBPointer
      return 4 + bytes.readInt32LE(at) + 12;
    case 0x10: // int
      return 4;
    case 0x13: // decimal128
      return 16;
    default:
      throw new RangeError(`BSON type 0x${type.toString(16)} at byte ${at} is unknown`);
  }
}

/** One element of a document: where its name and its value lie in the bytes. */
export interface RawElement {
  type: number;
  name: string;
  /** First byte of the element (its type). */
  start: number;
  /** First byte of the value. */
  valueStart: number;
  /** First byte after the value. */
  end: number;
}

/** The elements of the document (or array) that starts at `at`. Names are read as UTF-8. */
export function* rawElements(bytes: Buffer, at = 0): Generator<RawElement> {
  const end = at + bytes.readInt32LE(at) - 1;
  let start = at + 4;
  while (start < end) {
    const type = bytes[start]!;
    const nameEnd = bytes.indexOf(0, start + 1);
    const valueStart = nameEnd + 1;
    const valueEnd = valueStart + valueLength(type, bytes, valueStart);
    yield { type, name: bytes.toString("utf8", start + 1, nameEnd), start, valueStart, end: valueEnd };
    start = valueEnd;
  }
}

/** The element of that name in the document that starts at `at`, or undefined. */
export function rawElement(bytes: Buffer, name: string, at = 0): RawElement | undefined {
  for (const element of rawElements(bytes, at)) if (element.name === name) return element;
  return undefined;
}

/** The value bytes at a path of names; undefined when a step is missing. */
export function rawValue(bytes: Buffer, ...path: string[]): { type: number; bytes: Buffer } | undefined {
  let current = bytes;
  let type: number = BSON_TYPE.document;
  for (const name of path) {
    const element = rawElement(current, name);
    if (!element) return undefined;
    type = element.type;
    current = current.subarray(element.valueStart, element.end);
  }
  return { type, bytes: current };
}

/** A string value's text, from its first byte (the length). */
export const rawString = (bytes: Buffer, at = 0): string => bytes.toString("utf8", at + 4, at + 4 + bytes.readInt32LE(at) - 1);

/** A date value's milliseconds, without a BigInt: exact for as long as a `Date` is. */
export const rawDate = (bytes: Buffer, at: number): number => bytes.readInt32LE(at + 4) * 2 ** 32 + bytes.readUInt32LE(at);

/** Whether the bytes at `at` are these: for short ones, where calling the runtime costs more than looking. */
export function sameBytes(expected: Buffer, bytes: Buffer, at: number): boolean {
  // From the end: names of one database, and texts of one kind, differ there.
  for (let index = expected.length - 1; index >= 0; index--) if (expected[index] !== bytes[at + index]) return false;
  return true;
}

/** A number value, whatever numeric type it has; undefined for any other type. */
export function rawNumber(value: { type: number; bytes: Buffer } | undefined): number | undefined {
  switch (value?.type) {
    case BSON_TYPE.double:
      return value.bytes.readDoubleLE(0);
    case BSON_TYPE.int:
      return value.bytes.readInt32LE(0);
    case BSON_TYPE.long:
      return Number(value.bytes.readBigInt64LE(0));
    default:
      return undefined;
  }
}

/** The value of an array's element that starts at `at`: after its type and its name, which is a number of a few digits. */
export function afterName(array: Buffer, at: number): number {
  let zero = at + 2;
  while (array[zero] !== 0) zero++;
  return zero + 1;
}

/** Where the documents of an array start: what a reply of the server holds. The array itself begins with the buffer. */
export function* documentsInArray(array: Buffer): Generator<number> {
  for (let at = 4, end = array.length - 1; at < end; ) {
    const document = afterName(array, at);
    yield document;
    at = document + array.readInt32LE(document);
  }
}

/** The documents that lie one after another in `bytes`: how a segment keeps its events. */
export function* documentsIn(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; ) {
    const length = bytes.readInt32LE(at);
    if (length < 5 || at + length > bytes.length)
      throw new RangeError(`The document at byte ${at} says it has ${length} bytes, but ${bytes.length - at} are left`);
    yield bytes.subarray(at, at + length);
    at += length;
  }
}
