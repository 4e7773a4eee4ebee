import {
  arrayOf,
  BSON_TYPE,
  booleanElement,
  document,
  documentElement,
  element,
  rawElement,
  rawElements,
  valueLength,
} from "@oplog-collector/collector-core";
import { resolveDelta } from "./delta.js";
import { diffModifiers, modifierUpdate, onlySet } from "./diff.js";
import type { Write } from "./operation.js";

/** The write commands, and what order says of them: inserts before updates before deletes takes the fewest commands. */
export type WriteCommand = "insert" | "update" | "delete";

/** One statement of a write command, as BSON. */
export interface Statement {
  command: WriteCommand;
  bytes: Buffer;
  /** Whether the document has to be there already: if it is not, the target is not in the state from which the log goes on. */
  mustMatch: boolean;
  /** The same change in the server's slower way, where the quick one may be refused. */
  exact?: () => Buffer;
  /** A documented update whose paths mean something only beside the document: `bytes` is empty, and this is made into a statement when its turn comes. */
  delta?: Buffer;
}

/**
 * `forward`: the target is in the state in which the source made the change.
 * `converge`: the change, or later ones, may have been applied before (after an interruption, over a copy read while it was written): the
 * statement leads to the same end from there, and a document that is not there is no error.
 * `upsert`: the same, and an update of a document that is not there makes it.
 */
export type ApplyMode = "forward" | "converge" | "upsert";

export function encodeWrite(write: Write, mode: ApplyMode): Statement {
  switch (write.kind) {
    case "insert":
      if (mode === "forward" && !hasZeroTimestamp(write.bytes)) return { command: "insert", bytes: write.bytes, mustMatch: false };
      return { command: "update", bytes: updateStatement(filterOf(write), wholeDocument(write.bytes), true), mustMatch: false };
    case "replace":
      // A document that later events delete is not there yet or no more: then it does no harm to make it.
      return {
        command: "update",
        bytes: updateStatement(filterOf(write), wholeDocument(write.bytes), mode !== "forward"),
        mustMatch: mode === "forward",
      };
    case "diff": {
      const filter = filterOf(write);
      const exact = () => encodeResolved(write, write.bytes);
      if (mode === "converge") return { command: "update", bytes: exact(), mustMatch: false };
      if (mode === "upsert") return { command: "update", bytes: updateStatement(filter, diffUpdate(write.bytes), true), mustMatch: false };
      const set = onlySet(write.bytes);
      if (set) return { command: "update", bytes: setStatement(filter, set), mustMatch: true, exact };
      const modifiers = diffModifiers(write.bytes);
      if (!modifiers) return { command: "update", bytes: exact(), mustMatch: true };
      return {
        command: "update",
        bytes: updateStatement(filter, documentElement("u", modifierUpdate(modifiers)), false),
        mustMatch: true,
        exact,
      };
    }
    case "delta": {
      const update = resolveDelta(write.bytes);
      if (!update) return { command: "update", bytes: NOTHING, mustMatch: mode === "forward", delta: write.bytes };
      // As a diff and never as $set, which would sort the fields that are new.
      return { command: "update", bytes: encodeResolved(write, update), mustMatch: mode === "forward" };
    }
    case "delete":
      return { command: "delete", bytes: document([documentElement("q", filterOf(write)), LIMIT_ONE]), mustMatch: false };
  }
}

/** The statement of a documented update, once its paths are known. */
export const encodeResolved = (write: Write, update: Buffer): Buffer => updateStatement(filterOf(write), diffUpdate(update), false);

const NOTHING = Buffer.alloc(0);
const LIMIT_ONE = element(BSON_TYPE.int, "limit", Buffer.of(1, 0, 0, 0));
const UPSERT = booleanElement("upsert", true);

function updateStatement(filter: Buffer, update: Buffer, upsert: boolean): Buffer {
  const q = documentElement("q", filter);
  return document(upsert ? [q, update, UPSERT] : [q, update]);
}

/** `{q: filter, u: {$set: set}}`, written in one go: most updates of most logs are this. */
function setStatement(filter: Buffer, set: Buffer): Buffer {
  const update = 4 + SET.length + set.length + 1;
  const length = 4 + Q.length + filter.length + U.length + update + 1;
  const out = Buffer.allocUnsafe(length);
  out.writeInt32LE(length, 0);
  let at = 4 + Q.copy(out, 4);
  at += filter.copy(out, at);
  at += U.copy(out, at);
  out.writeInt32LE(update, at);
  at += 4;
  at += SET.copy(out, at);
  at += set.copy(out, at);
  out[at] = 0;
  out[at + 1] = 0;
  return out;
}

/** Types and names of the elements, before their values. */
const Q = Buffer.from("\x03q\0", "latin1");
const U = Buffer.from("\x03u\0", "latin1");
const SET = Buffer.from("\x03$set\0", "latin1");

/** The stage by which the server applies its own diffs: `readWrite` is enough for it, and it takes any name. */
const diffUpdate = (update: Buffer): Buffer =>
  element(
    BSON_TYPE.array,
    "u",
    arrayOf([document([documentElement("$_internalApplyOplogUpdate", document([documentElement("oplogUpdate", update)]))])]),
  );

/** A replacement; as a pipeline where the plain form would change the document or be refused. */
function wholeDocument(bytes: Buffer): Buffer {
  if (!hasZeroTimestamp(bytes) && !hasDollarName(bytes)) return documentElement("u", bytes);
  return element(
    BSON_TYPE.array,
    "u",
    arrayOf([document([documentElement("$replaceWith", document([documentElement("$literal", bytes)]))])]),
  );
}

/** What finds the document: its key, in a form that no `_id` can turn into a query operator. */
export function filterOf({ key, bytes }: Pick<Write, "key" | "bytes">): Buffer {
  if (key !== bytes) return hasOperator(key) ? document([...equalities(key)]) : key;
  const id = rawElement(key, "_id");
  if (!id) return document([]);
  const own = document([key.subarray(id.start, id.end)]);
  return hasOperator(own) ? document([...equalities(own)]) : own;
}

function* equalities(key: Buffer): Generator<Buffer> {
  for (const { name, start, type, end, valueStart } of rawElements(key))
    yield type === BSON_TYPE.document || type === REGEX
      ? documentElement(name, document([element(type, "$eq", key.subarray(valueStart, end))]))
      : key.subarray(start, end);
}

function hasOperator(key: Buffer): boolean {
  // The common keys, an _id that is no document, are seen at once.
  for (let at = 4; at < key.length - 1; ) {
    const type = key[at]!;
    const value = key.indexOf(0, at + 1) + 1;
    if (type === REGEX || (type === BSON_TYPE.document && key[value + 5] === DOLLAR)) return true;
    at = value + valueLength(type, key, value);
  }
  return false;
}

const REGEX = 0x0b;
const DOLLAR = "$".charCodeAt(0);

/** Whether an insert or a replacement would turn a `Timestamp(0, 0)` of this document into the current time: only those at the top. */
export function hasZeroTimestamp(bytes: Buffer): boolean {
  // The end of the name and the value are nine zero bytes: few documents have them, and they are found at the speed of memory.
  if (!bytes.includes(NINE_ZEROS)) return false;
  for (const { type, valueStart } of rawElements(bytes))
    if (type === BSON_TYPE.timestamp && bytes.readBigUInt64LE(valueStart) === 0n) return true;
  return false;
}

const NINE_ZEROS = Buffer.alloc(9);

function hasDollarName(bytes: Buffer): boolean {
  for (let at = 4; at < bytes.length - 1; ) {
    if (bytes[at + 1] === DOLLAR) return true;
    const value = bytes.indexOf(0, at + 1) + 1;
    at = value + valueLength(bytes[at]!, bytes, value);
  }
  return false;
}
