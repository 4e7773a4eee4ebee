import { stringValue } from "../bson-writer.js";
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

export interface EntryForm {
  /** With the event's own bytes: they are what is read back, so no field beside them has to be exact. */
  whole: boolean;
  /** A field that is larger is left out of what people query by: without the event's bytes, which are kept elsewhere. */
  largest: number;
}

/** Beyond the event's own bytes, for names that are longer than the server's, and for where it stands. */
const NAMES_BYTES = 512;

/** The documents of some events, one after another: what people query by, and where each belongs. The first of them has that place. */
export function entryDocuments(events: readonly Buffer[], format: EventFormat, place: EntryPlace, form: EntryForm): Buffer {
  const room = events.reduce((sum, { length }) => sum + NAMES_BYTES + (form.whole ? 2 : 1) * length, 0);
  const out = Buffer.allocUnsafe(room);
  let at = 0;
  for (const [index, event] of events.entries()) at = writeEntry(out, at, event, format, { ...place, index: place.index + index }, form);
  return out.subarray(0, at);
}

/** Written in place: at tens of thousands of events a second, a buffer for each field would be most of the work. */
function writeEntry(out: Buffer, start: number, event: Buffer, format: EventFormat, place: EntryPlace, form: EntryForm): number {
  let at = start + 4;
  const name = (type: number, text: string) => {
    out[at] = type;
    at += 1 + out.write(text, at + 1, "latin1");
    out[at++] = 0;
  };
  const value = (type: number, text: string, from: Buffer, begin = 0, end = from.length) => {
    name(type, text);
    at += from.copy(out, at, begin, end);
  };
  const number = (text: string, n: number) => {
    name(BSON_TYPE.double, text);
    at = out.writeDoubleLE(n, at);
  };
  const binary = (text: string, bytes: Buffer) => {
    name(BSON_TYPE.binary, text);
    at = out.writeInt32LE(bytes.length, at);
    out[at++] = 0; // of no particular kind
    at += bytes.copy(out, at);
  };

  const id = entryId(event, format)!;
  value(id.type, "_id", id.bytes);
  const isInsert = format === "oplog-entry" && rawString(rawValue(event, "op")!.bytes) === "i";
  for (const { type, name: field, valueStart, end } of rawElements(event)) {
    const to = format === "oplog-entry" ? oplogEntryField(field, isInsert) : CHANGE_EVENT_FIELDS[field];
    if (to !== undefined && end - valueStart <= form.largest) value(type, to, event, valueStart, end);
    if (field === "ns" && type === BSON_TYPE.document)
      value(BSON_TYPE.string, "ns", stringValue(namespaceText(event.subarray(valueStart, end))));
  }
  number("segment", place.segment);
  number("i", place.index);
  binary("seal", place.seal);
  if (form.whole) binary("event", event);
  out[at++] = 0;
  out.writeInt32LE(at - start, start);
  return at;
}

function oplogEntryField(name: string, isInsert: boolean): string | undefined {
  if (name === "o") return isInsert ? "full_document" : "operation_description";
  return OPLOG_ENTRY_FIELDS[name];
}

function namespaceText(ns: Buffer): string {
  const [db, coll] = ["db", "coll"].map((name) => rawValue(ns, name)).map((value) => (value ? rawString(value.bytes) : undefined));
  return coll === undefined ? (db ?? "") : `${db}.${coll}`;
}
