import { BSON } from "mongodb";
import { BSON_TYPE, rawElements, rawString } from "./raw-bson.js";

/**
 * A BSON document as canonical Extended JSON, in one line. Read from the bytes: an object in between would move integer-like names to the front
 * and lose all but the last of two equal names.
 */
export function canonicalJson(bytes: Buffer, at = 0): string {
  let out = "";
  for (const { type, name, valueStart, end } of rawElements(bytes, at))
    out += `${out && ","}${JSON.stringify(name)}:${valueText(type, bytes, valueStart, end)}`;
  return `{${out}}`;
}

/** The same of one value. */
export const canonicalValueJson = ({ type, bytes }: { type: number; bytes: Buffer }): string => valueText(type, bytes, 0, bytes.length);

function valueText(type: number, bytes: Buffer, at: number, end: number): string {
  if (type === BSON_TYPE.document) return canonicalJson(bytes, at);
  if (type === BSON_TYPE.array) return arrayText(bytes, at);
  if (type === BSON_TYPE.string) return JSON.stringify(rawString(bytes, at));
  // The driver would make a Date, which can't hold all of them, and null.
  if (type === BSON_TYPE.date) return `{"$date":{"$numberLong":"${bytes.readBigInt64LE(at)}"}}`;
  if (type === UNDEFINED) return '{"$undefined":true}';
  return scalarText(type, bytes.subarray(at, end));
}

function arrayText(bytes: Buffer, at: number): string {
  let out = "";
  for (const { type, valueStart, end } of rawElements(bytes, at)) out += `${out && ","}${valueText(type, bytes, valueStart, end)}`;
  return `[${out}]`;
}

/** As the driver writes it, which knows the form of each type. */
function scalarText(type: number, value: Buffer): string {
  const document = Buffer.allocUnsafe(4 + 3 + value.length + 1);
  document.writeInt32LE(document.length, 0);
  document[4] = type;
  document[5] = NAME;
  document[6] = 0;
  value.copy(document, 7);
  document[document.length - 1] = 0;
  return BSON.EJSON.stringify(BSON.deserialize(document, AS_IT_IS)[String.fromCharCode(NAME)], { relaxed: false });
}

/** Deprecated, but there in old data. */
const UNDEFINED = 0x06;

const NAME = "v".charCodeAt(0);

const AS_IT_IS = {
  promoteValues: false,
  promoteLongs: false,
  promoteBuffers: false,
  bsonRegExp: true,
  validation: { utf8: false },
} as const;
