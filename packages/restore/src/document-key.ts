import { BSON_TYPE, rawElements, rawString } from "@oplog-collector/collector-core";
import { Decimal128 } from "mongodb";

/**
 * A text that is equal for any two `_id` values that the server takes for equal (1 and 1.0, at any depth). Two different values may share one:
 * their documents are then kept in order, which is never wrong.
 */
export function documentKeyText(type: number, bytes: Buffer, start: number, end: number): string {
  switch (type) {
    case BSON_TYPE.int:
      return `n${bytes.readInt32LE(start)}`;
    case BSON_TYPE.long:
      return `n${Number(bytes.readBigInt64LE(start))}`;
    case BSON_TYPE.double:
      // -0 prints as 0.
      return `n${bytes.readDoubleLE(start)}`;
    case DECIMAL:
      return `n${Number(new Decimal128(bytes.subarray(start, end)).toString())}`;
    case BSON_TYPE.document:
    case BSON_TYPE.array: {
      let text = `${type}{`;
      for (const { type: inner, name, valueStart, end: valueEnd } of rawElements(bytes, start))
        text += `${name}:${documentKeyText(inner, bytes, valueStart, valueEnd)},`;
      return text;
    }
    case SYMBOL:
      return `${BSON_TYPE.string}${rawString(bytes, start)}`;
    case BSON_TYPE.string:
      return `${BSON_TYPE.string}${rawString(bytes, start)}`;
    default:
      return `${type}${bytes.toString("latin1", start, end)}`;
  }
}

const DECIMAL = 0x13;
const SYMBOL = 0x0e;

const ID = Buffer.from("_id\0");

/** The text of the `_id` in a document; the empty text when it has none, which keeps all such documents in order. */
export function documentKeyOf(document: Buffer): string {
  // In stored documents and in document keys of unsharded collections it is the first element.
  if (document[5] === ID[0] && document[6] === ID[1] && document[7] === ID[2] && document[8] === 0) {
    const type = document[4]!;
    if (type === OBJECT_ID) return document.toString("latin1", 9, 21);
    if (type === BSON_TYPE.int) return `n${document.readInt32LE(9)}`;
  }
  for (const { type, name, valueStart, end } of rawElements(document))
    if (name === "_id") return documentKeyText(type, document, valueStart, end);
  return "";
}

const OBJECT_ID = 0x07;
