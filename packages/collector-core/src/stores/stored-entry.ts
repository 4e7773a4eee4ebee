import { element, stringValue } from "../bson-writer.js";
import { BSON_TYPE, rawElement, rawString, rawValue, sameBytes, valueLength } from "../raw-bson.js";
import type { EventFormat } from "../segment.js";

/** Where an entry belongs. */
export interface EntrySegment {
  number: number;
  /** Of the segment's hash: entries of a segment that was removed can't be taken for those of another one. */
  seal: Buffer;
}

/** A field of an event, and the name that it has in the entry. */
interface Field {
  from: Buffer;
  /** With the zero at its end. */
  to: Buffer;
}

interface Form {
  /** What becomes `_id`: the event's place among all events. */
  id: string;
  idType: number;
  fields: Map<number, Field>;
}

/** Fields of the original design, by the field of an event from which each is taken; `ns` of a change event is made text. */
const FORMS: Record<Exclude<EventFormat, "document">, Form> = {
  "change-event": form("_id", BSON_TYPE.document, {
    clusterTime: "ts",
    wallTime: "wall",
    operationType: "op_type",
    ns: "ns",
    documentKey: "doc_key",
    fullDocument: "full_document",
    updateDescription: "update_description",
    to: "to",
    operationDescription: "operation_description",
  }),
  "oplog-entry": form("ts", BSON_TYPE.timestamp, {
    ts: "ts",
    wall: "wall",
    op: "op_type",
    ns: "ns",
    o2: "doc_key",
    o: "operation_description",
  }),
};

/** What an oplog entry's `o` is when it inserts: the document. */
const INSERTED = nameIn("full_document");

function form(id: string, idType: number, names: Record<string, string>): Form {
  const fields = Object.entries(names).map(([from, to]) => [Buffer.from(from), nameIn(to)] as const);
  return { id, idType, fields: new Map(fields.map(([from, to]) => [keyOf(from, 0, from.length), { from, to }])) };
}

function nameIn(name: string): Buffer {
  return Buffer.from(`${name}\0`);
}

/** Tells the names above apart; any other name may have the same. */
function keyOf(bytes: Buffer, start: number, end: number): number {
  return ((end - start) << 16) | (bytes[start]! << 8) | bytes[end - 1]!;
}

/** What an entry may have: 16 MiB is the limit. A field that does not fit is left out: the event's bytes are in the segment. */
const LARGEST_ENTRY_BYTES = 15 * 1024 * 1024;

/** Beyond the event's own bytes, for names that are longer than the server's, the second `ts` of an oplog entry, and where it stands. */
const MORE_BYTES = 160;

/** Up to here copying byte by byte is quicker than asking the runtime to, which makes an object for it. */
const FEW_BYTES = 64;

/** The names of a deployment that makes them for ever must not fill the memory. */
const NAMESPACES_KEPT = 1_000;

/**
 * Makes the documents of one segment's entries: what people query by, and where each belongs. Written in place, from the payload's bytes: at tens
 * of thousands of events a second an object for each field, or even for each event, would be most of the work.
 */
export class EntryWriter {
  readonly #form: Form;
  readonly #inserts: boolean;
  /** Of every entry: `segment` and `seal`. */
  readonly #belongs: Buffer;
  readonly #namespaces = new Map<string, Buffer>();
  #out: Buffer = Buffer.alloc(0);
  #at = 0;

  constructor(
    private readonly payload: Buffer,
    format: Exclude<EventFormat, "document">,
    { number, seal }: EntrySegment,
  ) {
    this.#form = FORMS[format];
    this.#inserts = format === "oplog-entry";
    const [double, length] = [Buffer.alloc(8), Buffer.alloc(5)];
    double.writeDoubleLE(number);
    length.writeInt32LE(seal.length);
    this.#belongs = Buffer.concat([
      element(BSON_TYPE.double, "segment", double),
      element(BSON_TYPE.binary, "seal", Buffer.concat([length, seal])),
      Buffer.from([BSON_TYPE.double]),
      nameIn("i"),
    ]);
  }

  /** Whether the event that starts there has a place, and so an entry. */
  hasPlace(start: number): boolean {
    return rawElement(this.payload, this.#form.id, start)?.type === this.#form.idType;
  }

  /** The documents, one after another, of the events that start there, of which the first is the `first` of the segment; in `room` if they fit. */
  documents(starts: readonly number[], first: number, room: Buffer): Buffer {
    const last = starts.at(-1)!;
    const needed = last + this.payload.readInt32LE(last) - starts[0]! + MORE_BYTES * starts.length;
    this.#out = room.buffer.byteLength >= needed ? Buffer.from(room.buffer) : Buffer.allocUnsafeSlow(needed);
    this.#at = 0;
    for (let n = 0; n < starts.length; n++) this.#write(starts[n]!, first + n);
    return this.#out.subarray(0, this.#at);
  }

  #write(event: number, index: number): void {
    const { payload } = this;
    const { id, idType, fields } = this.#form;
    const start = this.#at;
    this.#at += 4;
    const place = rawElement(payload, id, event)!;
    this.#value(idType, ID, place.valueStart, place.end);
    const inserted = this.#inserts && rawString(rawValue(payload.subarray(event), "op")!.bytes) === "i";
    const eventEnd = event + payload.readInt32LE(event) - 1;
    for (let at = event + 4; at < eventEnd; ) {
      const type = payload[at]!;
      const name = at + 1;
      let nameEnd = name;
      while (payload[nameEnd] !== 0) nameEnd++;
      const value = nameEnd + 1;
      at = value + valueLength(type, payload, value);
      const field = fields.get(keyOf(payload, name, nameEnd));
      if (!field || !sameBytes(field.from, payload, name) || this.#at - start + at - value > LARGEST_ENTRY_BYTES) continue;
      if (type === BSON_TYPE.document && field.to === NS.to) this.#copy(this.#namespace(value, at), 0);
      else this.#value(type, inserted && field.from.length === 1 ? INSERTED : field.to, value, at);
    }
    this.#copy(this.#belongs, 0);
    this.#at = this.#out.writeDoubleLE(index, this.#at);
    this.#out[this.#at++] = 0;
    this.#out.writeInt32LE(this.#at - start, start);
  }

  #value(type: number, name: Buffer, start: number, end: number): void {
    this.#out[this.#at++] = type;
    this.#copy(name, 0);
    this.#copy(this.payload, start, end);
  }

  #copy(from: Buffer, start: number, end = from.length): void {
    const out = this.#out;
    let at = this.#at;
    if (end - start > FEW_BYTES) at += from.copy(out, at, start, end);
    else for (let i = start; i < end; i++) out[at++] = from[i]!;
    this.#at = at;
  }

  /** The element `ns`, as text, for the document `{db, coll}` that a change event has there. */
  #namespace(start: number, end: number): Buffer {
    const key = this.payload.toString("latin1", start, end);
    const known = this.#namespaces.get(key);
    if (known) return known;
    const made = element(BSON_TYPE.string, "ns", stringValue(namespaceText(this.payload.subarray(start, end))));
    if (this.#namespaces.size < NAMESPACES_KEPT) this.#namespaces.set(key, made);
    return made;
  }
}

const ID = nameIn("_id");
const NS = FORMS["change-event"].fields.get(keyOf(Buffer.from("ns"), 0, 2))!;

function namespaceText(ns: Buffer): string {
  const [db, coll] = ["db", "coll"].map((name) => rawValue(ns, name)).map((value) => (value ? rawString(value.bytes) : undefined));
  return coll === undefined ? (db ?? "") : `${db}.${coll}`;
}
