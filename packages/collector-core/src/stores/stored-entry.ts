import { document, element, stringElement } from "../bson-writer.js";
import { BSON_TYPE, rawElements, rawString, rawValue } from "../raw-bson.js";
import type { EventFormat } from "../segment.js";

/** Where an event stands in the log. */
export interface EntryPlace {
  segment: number;
  /** Its place in the segment, from 0. */
  index: number;
  /** Of the segment's hash: entries of a segment that was removed can't be taken for those of another one. */
  seal: Buffer;
}

/** Fields of the original design, by the field of a change event from which each is taken; `op_type` and `ns` are made as text. */
const CHANGE_EVENT_FIELDS: Record<string, string> = {
  clusterTime: "ts",
  wallTime: "wall",
  operationType: "op_type",
  documentKey: "doc_key",
  fullDocument: "full_document",
  updateDescription: "update_description",
  to: "to",
  operationDescription: "operation_description",
};

/** The same of an oplog entry: `o` is the document of an insert, and otherwise what was done. */
const OPLOG_ENTRY_FIELDS: Record<string, string> = { ts: "ts", wall: "wall", op: "op_type", ns: "ns", o2: "doc_key" };

/** The event's place among all events: its resume token, or of an oplog entry its cluster time. Undefined when it has none. */
export function entryId(event: Buffer, format: EventFormat): { type: number; bytes: Buffer } | undefined {
  const id = rawValue(event, format === "oplog-entry" ? "ts" : "_id");
  return id?.type === (format === "oplog-entry" ? BSON_TYPE.timestamp : BSON_TYPE.document) ? id : undefined;
}

/**
 * The document of one event: what people query by, and where it belongs. With `whole`, the event's own bytes as well: they are what is read
 * back, so no field beside them has to be exact. Without, what is larger than `largest` is left out of what people query by.
 */
export function entryDocument(
  event: Buffer,
  format: EventFormat,
  place: EntryPlace,
  { whole, largest }: { whole: boolean; largest: number },
): Buffer {
  const id = entryId(event, format)!;
  const isInsert = format === "oplog-entry" && rawString(rawValue(event, "op")!.bytes) === "i";
  const fields: Buffer[] = [element(id.type, "_id", id.bytes)];
  for (const { type, name, valueStart, end } of rawElements(event)) {
    const value = event.subarray(valueStart, end);
    const to =
      format === "oplog-entry"
        ? name === "o"
          ? isInsert
            ? "full_document"
            : "operation_description"
          : OPLOG_ENTRY_FIELDS[name]
        : CHANGE_EVENT_FIELDS[name];
    if (to !== undefined && value.length <= largest) fields.push(element(type, to, value));
    if (name === "ns" && type === BSON_TYPE.document) fields.push(stringElement("ns", namespaceText(value)));
  }
  fields.push(numberElement("segment", place.segment), numberElement("i", place.index), binaryElement("seal", place.seal));
  if (whole) fields.push(binaryElement("event", event));
  return document(fields);
}

function namespaceText(ns: Buffer): string {
  const [db, coll] = ["db", "coll"].map((name) => rawValue(ns, name)).map((value) => (value ? rawString(value.bytes) : undefined));
  return coll === undefined ? (db ?? "") : `${db}.${coll}`;
}

function numberElement(name: string, value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return element(BSON_TYPE.double, name, bytes);
}

function binaryElement(name: string, value: Buffer): Buffer {
  const start = Buffer.alloc(5);
  start.writeInt32LE(value.length);
  return element(BSON_TYPE.binary, name, Buffer.concat([start, value]));
}
