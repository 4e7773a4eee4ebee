import {
  arrayOf,
  BSON_TYPE,
  type ClusterTime,
  clusterTime,
  document,
  documentElement,
  formatClusterTime,
  OplogError,
  type RawElement,
  rawElement,
  rawElements,
  rawString,
  rawValue,
} from "@oplog-collector/collector-core";
import { indexNames } from "./change-event.js";
import type { Decoded, EventReader } from "./event-reader.js";
import type { Ddl, Operation } from "./operation.js";
import { collectionUuid } from "./snapshot/ddl-events.js";

/** Reads an entry of the log at a cluster time: the earlier parts of a transaction may lie before what is applied. */
export type FindEntry = (at: ClusterTime) => Promise<Buffer | undefined>;

/** Kinds of entries that change nothing on a target. */
const WITHOUT_EFFECT: ReadonlyMap<string, string> = new Map([
  ["n", "n: a note of the server"],
  ["km", "km: an index's own note"],
]);

const COMMANDS_WITHOUT_EFFECT: ReadonlyMap<string, string> = new Map([
  ["startIndexBuild", "startIndexBuild: the index comes with its commit"],
  ["abortIndexBuild", "abortIndexBuild: there never was an index"],
  ["abortTransaction", "abortTransaction: nothing of it was applied"],
]);

/** The envelope of an oplog entry; filled again for each. */
export class OplogEntryReader implements EventReader {
  seconds = 0;
  ordinal = 0;
  private entry: Buffer = NOTHING;

  constructor(private readonly find: FindEntry) {}

  read(entry: Buffer): void {
    this.entry = entry;
    const ts = rawElement(entry, "ts")!.valueStart;
    this.ordinal = entry.readUInt32LE(ts);
    this.seconds = entry.readUInt32LE(ts + 4);
  }

  /**
   * A transaction's entries before the last ask for nothing; the last one (or its commit, when it was prepared) asks for all of them.
   */
  decode(): Decoded | Promise<Decoded> {
    const fields = fieldsOf(this.entry);
    const operations: Operation[] = [];
    if (fields.command === "applyOps") {
      if (isTrue(fields.o, "partialTxn")) return { operations, skipped: "applyOps: a part of a transaction, applied at its end" };
      if (isTrue(fields.o, "prepare")) return { operations, skipped: "applyOps: a prepared transaction, applied at its commit" };
      return decodeTransaction(this.entry, this.find);
    }
    if (fields.command === "commitTransaction") return decodePrepared(this.entry, this.find);
    const skipped = decodeInto(fields, operations);
    return skipped === undefined ? { operations } : { operations, skipped };
  }
}

async function decodeTransaction(last: Buffer, find: FindEntry): Promise<Decoded> {
  const operations: Operation[] = [];
  const { o } = fieldsOf(last);
  for (const part of await transactionParts(last, o, find)) decodeParts(part, operations);
  if (!rawElement(last, "txnNumber")) for (const operation of operations) operation.byClient = { upserts: !isFalse(o, "alwaysUpsert") };
  return { operations };
}

async function decodePrepared(commit: Buffer, find: FindEntry): Promise<Decoded> {
  const prepared = await previousEntry(commit, find);
  if (!prepared) throw partMissing(commit);
  return decodeTransaction(prepared, find);
}

interface EntryFields {
  operation: string;
  namespace: string;
  o: Buffer;
  o2: Buffer | undefined;
  /** For a command its name, the first field of `o`. */
  command: string;
}

function fieldsOf(entry: Buffer): EntryFields {
  let operation = "";
  let namespace = "";
  let o: Buffer | undefined;
  let o2: Buffer | undefined;
  for (const { name, valueStart, end } of rawElements(entry)) {
    if (name === "op") operation = rawString(entry, valueStart);
    else if (name === "ns") namespace = rawString(entry, valueStart);
    else if (name === "o") o = entry.subarray(valueStart, end);
    else if (name === "o2") o2 = entry.subarray(valueStart, end);
  }
  if (!o) throw new OplogError("APPLY_FAILED", `An oplog entry of kind ${operation} on ${namespace} has no "o"`);
  return { operation, namespace, o, o2, command: operation === "c" ? firstElement(o).name : "" };
}

function firstElement(bytes: Buffer): RawElement {
  for (const element of rawElements(bytes)) return element;
  throw new OplogError("APPLY_FAILED", "An oplog entry with an empty command");
}

const isTrue = (bytes: Buffer, name: string): boolean => {
  const value = rawValue(bytes, name);
  return value?.type === BSON_TYPE.bool && value.bytes[0] === 1;
};

const isFalse = (bytes: Buffer, name: string): boolean => {
  const value = rawValue(bytes, name);
  return value?.type === BSON_TYPE.bool && value.bytes[0] === 0;
};

/** The `applyOps` of all entries of the transaction that ends with `last`, the oldest first. */
async function transactionParts(last: Buffer, o: Buffer, find: FindEntry): Promise<Buffer[]> {
  const parts = [o];
  // Batched retryable writes (8.0) are chained like the parts of a transaction, but each stands for itself.
  if (!rawElement(last, "txnNumber") || rawElement(last, "multiOpType") || rawElement(o, "multiOpType")) return parts;
  for (let entry = last; ; ) {
    const previous = await previousEntry(entry, find);
    if (!previous) return parts;
    parts.unshift(fieldsOf(previous).o);
    entry = previous;
  }
}

async function previousEntry(entry: Buffer, find: FindEntry): Promise<Buffer | undefined> {
  const ts = rawValue(entry, "prevOpTime", "ts");
  if (!ts) return undefined;
  const at = clusterTime(ts.bytes.readUInt32LE(4), ts.bytes.readUInt32LE(0));
  if (at === 0n) return undefined;
  const previous = await find(at);
  if (!previous) throw partMissing(entry, at);
  return previous;
}

function partMissing(entry: Buffer, at?: ClusterTime): OplogError {
  const ts = rawValue(entry, "ts")!.bytes;
  const end = formatClusterTime(clusterTime(ts.readUInt32LE(4), ts.readUInt32LE(0)));
  return new OplogError(
    "OUTSIDE_COVERAGE",
    `The transaction that ends at ${end} begins${at === undefined ? "" : ` at or before ${formatClusterTime(at)},`} before the log`,
    {
      hint: "Choose a time before it, or a base snapshot that was taken after it.",
    },
  );
}

function decodeParts(o: Buffer, operations: Operation[]): void {
  const list = rawElement(o, "applyOps")!;
  for (const { valueStart, end } of rawElements(o, list.valueStart)) {
    const inner = o.subarray(valueStart, end);
    const before = operations.length;
    decodeInto(fieldsOf(inner), operations);
    const uuid = collectionUuid({ bytes: inner, format: "oplog-entry" });
    if (uuid) for (const operation of operations.slice(before)) operation.uuid = uuid;
  }
}

/** Adds what one operation asks for; returns why it asks for nothing. */
function decodeInto({ operation, namespace, o, o2, command }: EntryFields, operations: Operation[]): string | undefined {
  switch (operation) {
    case "i":
      operations.push({ kind: "insert", namespace, key: o2 ?? o, bytes: o });
      return undefined;
    case "u":
      operations.push({ kind: firstElement(o).name === "$v" ? "diff" : "replace", namespace, key: o2 ?? o, bytes: o });
      return undefined;
    case "d":
      operations.push({ kind: "delete", namespace, key: o, bytes: NOTHING });
      return undefined;
    case "c": {
      if (command === "applyOps") {
        decodeParts(o, operations);
        return undefined;
      }
      const skipped = COMMANDS_WITHOUT_EFFECT.get(command);
      if (skipped === undefined) operations.push(...decodeCommand(namespace.slice(0, namespace.indexOf(".")), command, o));
      return skipped;
    }
    default: {
      const skipped = WITHOUT_EFFECT.get(operation);
      if (skipped === undefined) throw unknown(`entry of kind ${operation}`, namespace);
      return skipped;
    }
  }
}

const NOTHING = Buffer.alloc(0);

function decodeCommand(db: string, command: string, o: Buffer): Ddl[] {
  const target = firstElement(o);
  const name = target.type === BSON_TYPE.string ? rawString(o, target.valueStart) : "";
  const namespace = `${db}.${name}`;
  switch (command) {
    case "create":
      return [{ kind: "create", namespace, options: withoutFirst(o) }];
    case "createIndexes":
      // One index an entry, its specification beside the command's name.
      return [{ kind: "createIndexes", namespace, indexes: arrayOf([withoutFirst(o)]) }];
    case "commitIndexBuild":
      return [{ kind: "createIndexes", namespace, indexes: rawValue(o, "indexes")!.bytes }];
    case "dropIndexes":
    case "deleteIndexes":
    case "dropIndex":
    case "deleteIndex":
      return [{ kind: "dropIndexes", namespace, names: droppedIndexes(o, namespace) }];
    case "collMod":
      return [{ kind: "collMod", namespace, options: withoutFirst(o) }];
    case "drop":
      return [{ kind: "drop", namespace }];
    case "dropDatabase":
      return [{ kind: "dropDatabase", namespace: db }];
    case "renameCollection": {
      const dropTarget = rawElement(o, "dropTarget") !== undefined && !isFalse(o, "dropTarget");
      return [{ kind: "rename", namespace: name, to: rawString(rawValue(o, "to")!.bytes), dropTarget }];
    }
    default:
      throw unknown(`command ${command}`, db);
  }
}

function droppedIndexes(o: Buffer, namespace: string): string[] {
  const index = rawValue(o, "index");
  if (index?.type === BSON_TYPE.string) return [rawString(index.bytes)];
  const names = index ? indexNames(document([documentElement("0", index.bytes)])) : [];
  if (names.length === 0) throw unknown("dropIndexes without the index's name", namespace);
  return names;
}

/** The document without its first element, which is the command's name. */
function withoutFirst(o: Buffer): Buffer {
  return document([o.subarray(firstElement(o).end, o.length - 1)]);
}

const unknown = (what: string, namespace: string): OplogError =>
  new OplogError("APPLY_FAILED", `The log holds an oplog ${what} that this program does not know, on ${namespace}`, {
    hint: "Use a newer version of Oplog Collector, or a filter that leaves this namespace out.",
  });
