import { BSON_TYPE } from "./raw-bson.js";

/** Puts BSON documents together from bytes that are already BSON, so that nothing of them is decoded. */

/** One element: type, name, value. */
export function element(type: number, name: string, value: Buffer): Buffer {
  const nameLength = Buffer.byteLength(name);
  const out = Buffer.allocUnsafe(nameLength + 2 + value.length);
  out[0] = type;
  out.write(name, 1);
  out[nameLength + 1] = 0;
  value.copy(out, nameLength + 2);
  return out;
}

/** A document of these elements. */
export function document(elements: readonly Buffer[]): Buffer {
  let length = 5;
  for (const { length: bytes } of elements) length += bytes;
  const out = Buffer.allocUnsafe(length);
  out.writeInt32LE(length, 0);
  let at = 4;
  for (const bytes of elements) at += bytes.copy(out, at);
  out[at] = 0;
  return out;
}

/** An array of documents. */
export const arrayOf = (documents: readonly Buffer[]): Buffer =>
  document(documents.map((bytes, index) => element(BSON_TYPE.document, String(index), bytes)));

export function stringValue(text: string): Buffer {
  const length = Buffer.byteLength(text) + 1;
  const out = Buffer.allocUnsafe(4 + length);
  out.writeInt32LE(length, 0);
  out.write(text, 4);
  out[3 + length] = 0;
  return out;
}

export const stringElement = (name: string, text: string): Buffer => element(BSON_TYPE.string, name, stringValue(text));

export const documentElement = (name: string, bytes: Buffer): Buffer => element(BSON_TYPE.document, name, bytes);

export const booleanElement = (name: string, value: boolean): Buffer => element(BSON_TYPE.bool, name, value ? TRUE : FALSE);

const TRUE = Buffer.of(1);
const FALSE = Buffer.of(0);
