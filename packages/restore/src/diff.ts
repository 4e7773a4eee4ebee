import { BSON_TYPE, document, documentElement, element, rawElement, rawElements, valueLength } from "@oplog-collector/collector-core";

/** The update operators that do what a diff does. */
export interface Modifiers {
  /** Elements of `$set` and `$unset`, in order. */
  set: Buffer[];
  unset: Buffer[];
}

/**
 * A `$v: 2` diff as `$set` and `$unset`, which the server runs faster than the diff itself; undefined when only the diff is exact:
 * - a field that the diff inserts goes to the end, also when the document had it elsewhere; `$set` would leave it there, or sort several new ones;
 * - names with dots, with `$` or without any character are paths to `$set`;
 * - an array that gets shorter has no operator.
 * Only right for a document that is in the state in which the source changed it.
 */
export function diffModifiers(update: Buffer): Modifiers | undefined {
  const diff = rawElement(update, "diff");
  if (diff?.type !== BSON_TYPE.document) return undefined;
  const modifiers: Modifiers = { set: [], unset: [] };
  return translate(update, diff.valueStart, "", modifiers) ? modifiers : undefined;
}

/** What the diff sets, when that is all it does and each name is plain: the bytes for `$set` as they are. */
export function onlySet(update: Buffer): Buffer | undefined {
  // `{$v: 2, diff: {u: …}}`: the length of `diff` is between the two parts that are always the same.
  if (!startsWith(update, 4, BEFORE) || !startsWith(update, 4 + BEFORE.length + 4, UPDATED)) return undefined;
  const at = 4 + BEFORE.length + 4 + UPDATED.length;
  const end = at + update.readInt32LE(at);
  // The ends of `diff` and of the update are all that follows.
  if (end + 2 !== update.length) return undefined;
  for (let element = at + 4; element < end - 1; ) {
    const name = element + 1;
    let nameEnd = name;
    for (; update[nameEnd] !== 0; nameEnd++) if (update[nameEnd] === DOT) return undefined;
    if (nameEnd === name || update[name] === DOLLAR) return undefined;
    element = nameEnd + 1 + valueLength(update[element]!, update, nameEnd + 1);
  }
  return update.subarray(at, end);
}

const BEFORE = Buffer.from("\x10$v\0\x02\0\0\0\x03diff\0", "latin1");
const UPDATED = Buffer.from("\x03u\0", "latin1");
const DOT = ".".charCodeAt(0);
const DOLLAR = "$".charCodeAt(0);

function startsWith(bytes: Buffer, at: number, expected: Buffer): boolean {
  for (let index = 0; index < expected.length; index++) if (bytes[at + index] !== expected[index]) return false;
  return true;
}

/** The update document of these modifiers. */
export const modifierUpdate = ({ set, unset }: Modifiers): Buffer =>
  document([
    ...(set.length > 0 ? [documentElement("$set", document(set))] : []),
    ...(unset.length > 0 ? [documentElement("$unset", document(unset))] : []),
  ]);

/** Adds what the diff at `at` does to the part of the document at `path` (with its dot); false when that can't be said. */
function translate(bytes: Buffer, at: number, path: string, modifiers: Modifiers): boolean {
  for (const section of rawElements(bytes, at)) {
    if (section.name === "u" || section.name === "d") {
      for (const { type, name, start, valueStart, end } of rawElements(bytes, section.valueStart)) {
        if (!isPlain(name, path)) return false;
        const value = section.name === "d" ? FALSE : bytes.subarray(valueStart, end);
        if (section.name === "d") modifiers.unset.push(element(BSON_TYPE.bool, path + name, value));
        else modifiers.set.push(path === "" ? bytes.subarray(start, end) : element(type, path + name, value));
      }
    } else if (section.name.startsWith("s")) {
      const field = section.name.slice(1);
      if (section.type !== BSON_TYPE.document || !isPlain(field, path)) return false;
      const inner = rawElement(bytes, "a", section.valueStart) ? translateArray : translate;
      if (!inner(bytes, section.valueStart, `${path}${field}.`, modifiers)) return false;
    } else return false;
  }
  return true;
}

/** Diffs of arrays: `a: true`, then `u3` for a new value at index 3, `s3` for a diff of what is there, `l` for a new length. */
function translateArray(bytes: Buffer, at: number, path: string, modifiers: Modifiers): boolean {
  for (const { type, name, valueStart, end } of rawElements(bytes, at)) {
    if (name === "a") continue;
    if (name[0] === "u") modifiers.set.push(element(type, path + name.slice(1), bytes.subarray(valueStart, end)));
    else if (name[0] === "s" && type === BSON_TYPE.document) {
      const inner = rawElement(bytes, "a", valueStart) ? translateArray : translate;
      if (!inner(bytes, valueStart, `${path}${name.slice(1)}.`, modifiers)) return false;
    } else return false;
  }
  return true;
}

/** Whether `$set` takes this name for the field itself. Inside a path a number could be meant as an index of an array. */
function isPlain(name: string, path: string): boolean {
  return name !== "" && name[0] !== "$" && !name.includes(".") && !(path !== "" && NUMERIC.test(name));
}

const NUMERIC = /^\d+$/;
const FALSE = Buffer.of(0);
