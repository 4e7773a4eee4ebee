import { type ClusterTime, clusterTime } from "./cluster-time.js";
import type { EventKind } from "./event.js";
import { skipReason } from "./oplog-entry-rule.js";
import { BSON_TYPE, rawDate, rawElements, sameBytes, valueLength } from "./raw-bson.js";

/** What is the same for all entries of one operation on one namespace. */
interface EntryKind {
  kind: EventKind;
  /** Why such an entry is left out of the log; null: it is kept. */
  skipped: string | null;
}

/**
 * What an entry says of the transaction that it may belong to. The entries of one are chained by `prevOpTime`: parts (`partialTxn`), then the
 * last part, which is the commit; or, prepared, a last part that says `prepare`, and later a `commitTransaction` or `abortTransaction`.
 */
export interface TransactionLink {
  /** The entry before it in its chain; 0 when it is the first. */
  previous: ClusterTime;
  /** More entries of the same transaction follow. */
  open: boolean;
  /** The first word of its command: `applyOps`, `commitTransaction` or `abortTransaction`. */
  command: string;
}

/**
 * What the envelope of an oplog entry says, read without decoding it. One object is filled again and again: the source sends several hundred
 * thousand entries a second.
 */
export class OplogEntryScan {
  seconds = 0;
  ordinal = 0;
  /** Milliseconds; NaN when the server sent none. */
  wallTime = Number.NaN;
  /** Operations have the names that change streams give them; a command has its own (`create`, `collMod`, `applyOps`). */
  kind: EventKind = NONE.kind;
  /** Why an entry of this kind is left out of the log; null: it is kept. */
  skipped: string | null = null;
  /** Null unless it is part of a transaction of several entries. */
  transaction: TransactionLink | null = null;
  private readonly recent: (RecentKind | undefined)[] = new Array(RECENT_KINDS);
  private readonly kinds = new Map<string, EntryKind>();

  /** Reads the entry that starts at `at`; returns the first byte after it. */
  read(bytes: Buffer, at: number): number {
    const entryEnd = at + bytes.readInt32LE(at);
    let operation = 0;
    let namespace = 0;
    let object = 0;
    let time = 0;
    let previous = 0;
    this.wallTime = Number.NaN;
    let element = at + 4;
    while (element < entryEnd - 1) {
      const type = bytes[element]!;
      const name = element + 1;
      let nameEnd = name;
      while (bytes[nameEnd] !== 0) nameEnd++;
      const value = nameEnd + 1;
      // No two names of an entry share length, first and second letter, so these tell them apart (the zero is the second of a name of one).
      switch (((nameEnd - name) << 16) | (bytes[name]! << 8) | bytes[name + 1]!) {
        case OP:
          operation = value + 4;
          break;
        case NS:
          namespace = value;
          break;
        case O:
          object = value;
          break;
        case TS:
          time = value;
          break;
        case WALL:
          if (type === BSON_TYPE.date) this.wallTime = rawDate(bytes, value);
          break;
        case PREV_OP_TIME:
          previous = value;
          break;
      }
      element = value + valueLength(type, bytes, value);
    }
    if (operation === 0 || namespace === 0 || time === 0) throw new TypeError("A document that is not an oplog entry");
    this.ordinal = bytes.readUInt32LE(time);
    this.seconds = bytes.readUInt32LE(time + 4);
    const found =
      bytes[operation] === COMMAND && object > 0
        ? this.commandKind(bytes, namespace, object, previous)
        : this.writeKind(bytes, operation, namespace, object);
    this.kind = found.kind;
    this.skipped = found.skipped;
    return entryEnd;
  }

  get clusterTime(): ClusterTime {
    return clusterTime(this.seconds, this.ordinal);
  }

  /** Writes are nearly all of an oplog, on few namespaces: found by comparing bytes, without making a string. */
  private writeKind(bytes: Buffer, operation: number, namespace: number, object: number): EntryKind {
    this.transaction = null;
    let letter = bytes[operation]!;
    if (letter === UPDATE && object > 0 && !isDiff(bytes, object)) letter = REPLACE;
    const length = bytes.readInt32LE(namespace); // with the zero at the end
    const end = namespace + 4 + length;
    const slot = (letter * 31 + length * 7 + bytes[end - 2]! + bytes[namespace + 4 + (length >> 1)]! * 3) & (RECENT_KINDS - 1);
    const recent = this.recent[slot];
    if (recent && recent.letter === letter && recent.namespace.length === length && sameBytes(recent.namespace, bytes, namespace + 4))
      return recent;
    const op = bytes.toString("utf8", operation, bytes.indexOf(0, operation));
    const name = letter === REPLACE ? "replace" : (WRITE_NAMES[op] ?? op);
    const found = this.intern(name, bytes.toString("utf8", namespace + 4, end - 1));
    this.recent[slot] = { ...found, letter, namespace: Buffer.from(bytes.subarray(namespace + 4, end)) };
    return found;
  }

  /** A command is named by the first word of its `o`, and is counted for the collection that this word names. */
  private commandKind(bytes: Buffer, namespace: number, object: number, previous: number): EntryKind {
    const name = bytes.toString("utf8", object + 5, bytes.indexOf(0, object + 5));
    const ns = bytes.toString("utf8", namespace + 4, namespace + 3 + bytes.readInt32LE(namespace));
    this.transaction = TRANSACTION_COMMANDS.has(name) ? transactionLink(bytes, name, object, previous) : null;
    const database = ns.endsWith(".$cmd") ? ns.slice(0, -".$cmd".length) : ns;
    const value = object + 5 + Buffer.byteLength(name) + 1;
    if (bytes[object + 4] !== BSON_TYPE.string) return this.intern(name, name === "dropDatabase" ? database : ns);
    const target = bytes.toString("utf8", value + 4, value + 3 + bytes.readInt32LE(value));
    // A rename names both collections with their database.
    return this.intern(name, name === "renameCollection" ? target : `${database}.${target}`);
  }

  private intern(operation: string, namespace: string): EntryKind {
    const key = `${operation} ${namespace}`;
    let found = this.kinds.get(key);
    if (!found) {
      // A deployment that makes names for ever must not fill the memory.
      if (this.kinds.size > MAX_INTERNED_KINDS) this.kinds.clear();
      const kind = { namespace, operation };
      found = { kind, skipped: skipReason(kind) };
      this.kinds.set(key, found);
    }
    return found;
  }
}

interface RecentKind extends EntryKind {
  letter: number;
  namespace: Buffer;
}

const NONE: EntryKind = { kind: { namespace: "", operation: "" }, skipped: null };
const MAX_INTERNED_KINDS = 100_000;
/** A power of two: the place of a kind is a few of its bytes, cut to these bits. More namespaces than this are found by their name. */
const RECENT_KINDS = 64;

const COMMAND = "c".charCodeAt(0);
const UPDATE = "u".charCodeAt(0);
/** No letter of the server's: an update whose `o` is the whole new document. */
const REPLACE = 0;
const WRITE_NAMES: Record<string, string> = { i: "insert", u: "update", d: "delete", n: "noop" };
const TRANSACTION_COMMANDS = new Set(["applyOps", "commitTransaction", "abortTransaction"]);

const nameKey = (name: string): number => (name.length << 16) | (name.charCodeAt(0) << 8) | (name.length > 1 ? name.charCodeAt(1) : 0);
const OP = nameKey("op");
const NS = nameKey("ns");
const O = nameKey("o");
const TS = nameKey("ts");
const WALL = nameKey("wall");
const PREV_OP_TIME = nameKey("prevOpTime");

/** An update's `o` that begins with `$v` describes the change; no document may have such a field first, so any other is a replacement. */
const isDiff = (bytes: Buffer, object: number): boolean =>
  bytes[object + 5] === 0x24 && bytes[object + 6] === 0x76 && bytes[object + 7] === 0;

function transactionLink(bytes: Buffer, command: string, object: number, prevOpTime: number): TransactionLink | null {
  const previous = prevOpTime > 0 ? timestampIn(bytes, prevOpTime) : 0n;
  let open = false;
  for (const { name, type, valueStart } of rawElements(bytes, object)) {
    if ((name === "partialTxn" || name === "prepare") && type === BSON_TYPE.bool) open ||= bytes[valueStart] === 1;
    // 8.0: several retryable inserts in one entry. `prevOpTime` then links the statements of a session, which apply each for itself.
    if (name === "multiOpType" && bytes.readInt32LE(valueStart) === MULTI_OP_SEPARATE) return null;
  }
  // A transaction in one entry, or an applyOps that a client ran.
  if (!open && previous === 0n) return null;
  return { previous, open, command };
}

const MULTI_OP_SEPARATE = 1;

/** The `ts` of an OpTime document. */
function timestampIn(bytes: Buffer, at: number): ClusterTime {
  for (const { name, type, valueStart } of rawElements(bytes, at))
    if (name === "ts" && type === BSON_TYPE.timestamp) return bytes.readBigUInt64LE(valueStart);
  return 0n;
}
