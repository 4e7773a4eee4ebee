import { type ClusterTime, clusterTime } from "./cluster-time.js";
import { type Position, positionOfToken } from "./position.js";
import { BSON_TYPE, rawDate, rawElement, rawString, rawValue, sameBytes, valueLength } from "./raw-bson.js";
import type { EventFormat } from "./segment.js";

/** What is counted together: the operation on the namespace. One object for each pair, shared by all its events. */
export interface EventKind {
  /** `db.collection`, or `db` for an operation on the database. */
  namespace: string;
  operation: string;
}

/**
 * What the envelope of a change event says, read without decoding it. One object is filled again and again: at 60,000 events a second an object
 * for each would cost more than all the rest.
 */
export class ChangeEventScan {
  /** The resume token document: its first byte and the first byte after it. */
  tokenStart = 0;
  tokenEnd = 0;
  seconds = 0;
  ordinal = 0;
  /** Milliseconds; NaN when the server sent none. */
  wallTime = Number.NaN;
  /** First byte of the `splitEvent` document of a fragment; 0 when the event came in one. */
  splitEvent = 0;
  kind: EventKind = NO_KIND;
  private readonly recent: (RecentKind | undefined)[] = new Array(RECENT_KINDS);
  private readonly kinds = new Map<string, EventKind>();

  /** Reads the event that starts at `at`; returns the first byte after it. */
  read(bytes: Buffer, at: number): number {
    const eventEnd = at + bytes.readInt32LE(at);
    this.wallTime = Number.NaN;
    this.splitEvent = 0;
    this.tokenStart = 0;
    let operationStart = 0;
    let operationEnd = 0;
    let namespaceStart = 0;
    let namespaceEnd = 0;
    let element = at + 4;
    while (element < eventEnd - 1) {
      const type = bytes[element]!;
      const name = element + 1;
      let nameEnd = name;
      while (bytes[nameEnd] !== 0) nameEnd++;
      const value = nameEnd + 1;
      const end = value + valueLength(type, bytes, value);
      // No two names of the envelope share length and first letter, so these two tell them apart.
      switch ((nameEnd - name) * 256 + bytes[name]!) {
        case ID:
          this.tokenStart = value;
          this.tokenEnd = end;
          break;
        case OPERATION_TYPE:
          operationStart = value + 4;
          operationEnd = end - 1;
          break;
        case CLUSTER_TIME:
          this.ordinal = bytes.readUInt32LE(value);
          this.seconds = bytes.readUInt32LE(value + 4);
          break;
        case WALL_TIME:
          if (type === BSON_TYPE.date) this.wallTime = rawDate(bytes, value);
          break;
        case NS:
          namespaceStart = value;
          namespaceEnd = end;
          break;
        case SPLIT_EVENT:
          this.splitEvent = value;
          break;
      }
      element = end;
    }
    if (this.tokenStart === 0) throw new TypeError("A change event without a resume token");
    this.kind = this.internKind(bytes, operationStart, operationEnd, namespaceStart, namespaceEnd);
    return eventEnd;
  }

  get clusterTime(): ClusterTime {
    return clusterTime(this.seconds, this.ordinal);
  }

  /** Most events are of few kinds: found by comparing bytes, without making a string. */
  private internKind(bytes: Buffer, operationStart: number, operationEnd: number, namespaceStart: number, namespaceEnd: number): EventKind {
    const operationLength = operationEnd - operationStart;
    const namespaceLength = namespaceEnd - namespaceStart;
    // The name of the collection ends two zeros before the end of `{db, coll}`.
    const letters = bytes[operationStart]! * 7 + (namespaceLength > 0 ? bytes[namespaceEnd - 3]! : 0);
    const slot = (letters + operationLength * 3 + namespaceLength * 31) & (RECENT_KINDS - 1);
    const recent = this.recent[slot];
    if (
      recent &&
      recent.operation.length === operationLength &&
      recent.namespace.length === namespaceLength &&
      sameBytes(recent.operation, bytes, operationStart) &&
      sameBytes(recent.namespace, bytes, namespaceStart)
    )
      return recent.kind;
    const operation = Buffer.from(bytes.subarray(operationStart, operationEnd));
    const namespace = Buffer.from(bytes.subarray(namespaceStart, namespaceEnd));
    const key = `${operation.toString("latin1")} ${namespace.toString("latin1")}`;
    let kind = this.kinds.get(key);
    if (!kind) {
      // A deployment that makes names for ever must not fill the memory.
      if (this.kinds.size > MAX_INTERNED_KINDS) this.kinds.clear();
      kind = { operation: operation.toString(), namespace: namespaceLength > 0 ? namespaceOf(namespace, 0) : "" };
      this.kinds.set(key, kind);
    }
    this.recent[slot] = { kind, operation, namespace };
    return kind;
  }
}

interface RecentKind {
  kind: EventKind;
  /** The bytes that say it. */
  operation: Buffer;
  namespace: Buffer;
}

const NO_KIND: EventKind = { namespace: "", operation: "" };
const MAX_INTERNED_KINDS = 100_000;
/** A power of two: the place of a kind is a few of its bytes, cut to these bits. More kinds than this are found by their name. */
const RECENT_KINDS = 64;

const nameKey = (name: string): number => name.length * 256 + name.charCodeAt(0);
const ID = nameKey("_id");
const OPERATION_TYPE = nameKey("operationType");
const CLUSTER_TIME = nameKey("clusterTime");
const WALL_TIME = nameKey("wallTime");
const NS = nameKey("ns");
const SPLIT_EVENT = nameKey("splitEvent");

/** `{db, coll}` as one string; a database alone when there is no `coll`. */
function namespaceOf(bytes: Buffer, at: number): string {
  const db = rawElement(bytes, "db", at);
  const coll = rawElement(bytes, "coll", at);
  const text = (element: typeof db) => (element?.type === BSON_TYPE.string ? rawString(bytes, element.valueStart) : "");
  return coll ? `${text(db)}.${text(coll)}` : text(db);
}

/** The position after this event, from its own bytes. */
export function positionOfEvent(event: Buffer, format: EventFormat): Position {
  if (format === "oplog-entry") {
    const ts = rawValue(event, "ts")!.bytes;
    return { token: null, clusterTime: clusterTime(ts.readUInt32LE(4), ts.readUInt32LE(0)), wallTime: wallTimeOf(event, "wall") };
  }
  const token = rawValue(event, "_id");
  if (!token) throw new TypeError("A change event without a resume token");
  return positionOfToken(Buffer.from(token.bytes), wallTimeOf(event, "wallTime"));
}

function wallTimeOf(event: Buffer, field: string): Date | null {
  const value = rawValue(event, field);
  return value?.type === BSON_TYPE.date ? new Date(rawDate(value.bytes, 0)) : null;
}
