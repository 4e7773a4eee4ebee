import { type EjsonDocument, type EjsonValue, isDocument } from "./ejson-text.js";

/** One thing that an update did. */
export interface Change {
  kind: "set" | "add" | "remove" | "truncate";
  path: string;
  value?: EjsonValue;
}

/**
 * What the server's own `$v: 2` diff did, field by field: `i` inserted, `u` set, `d` removed, `s<name>` a diff of the field `name`. A diff of an array
 * (`a: true`) has `l` (its new length) and `u<index>`, `s<index>`.
 */
export function changesOfDiff(diff: EjsonDocument, path = ""): Change[] {
  const at = (name: string): string => (path === "" ? name : `${path}.${name}`);
  const changes: Change[] = [];
  const isArray = diff.a === true;
  for (const [key, value] of Object.entries(diff)) {
    if (isArray && key === "a") continue;
    if (isArray && key === "l") changes.push({ kind: "truncate", path, value });
    else if (key.startsWith("s") && isDocument(value)) changes.push(...changesOfDiff(value, at(key.slice(1))));
    else if (isArray && key.startsWith("u")) changes.push({ kind: "set", path: at(key.slice(1)), value });
    else if (isDocument(value)) for (const [name, field] of Object.entries(value)) changes.push(fieldChange(key, at(name), field));
  }
  return changes;
}

function fieldChange(section: string, path: string, value: EjsonValue): Change {
  if (section === "d") return { kind: "remove", path };
  return { kind: section === "i" ? "add" : "set", path, value };
}

/** What a documented update description did. Its paths do not tell the field `a.b` from the field `b` in `a`. */
export function changesOfDescription(description: EjsonDocument): Change[] {
  const { updatedFields, removedFields, truncatedArrays } = description;
  return [
    ...(isDocument(updatedFields) ? Object.entries(updatedFields).map(([path, value]): Change => ({ kind: "set", path, value })) : []),
    ...(Array.isArray(removedFields) ? removedFields.map((path): Change => ({ kind: "remove", path: String(path) })) : []),
    ...(Array.isArray(truncatedArrays)
      ? truncatedArrays.filter(isDocument).map(({ field, newSize }): Change => ({ kind: "truncate", path: String(field), value: newSize }))
      : []),
  ];
}

/** The document after a `$v: 2` diff, for reading: what a restore does is done to the bytes. */
export function applyDiff(document: EjsonDocument, diff: EjsonDocument): EjsonDocument {
  const result: Record<string, EjsonValue> = { ...document };
  for (const [key, value] of Object.entries(diff)) {
    if (key === "d" && isDocument(value)) for (const name of Object.keys(value)) delete result[name];
    else if ((key === "u" || key === "i") && isDocument(value)) Object.assign(result, value);
    else if (key.startsWith("s") && isDocument(value)) result[key.slice(1)] = applyInside(result[key.slice(1)], value);
  }
  return result;
}

function applyInside(value: EjsonValue | undefined, diff: EjsonDocument): EjsonValue {
  if (diff.a === true) return applyToArray(Array.isArray(value) ? value : [], diff);
  return applyDiff(isDocument(value) ? value : {}, diff);
}

function applyToArray(array: readonly EjsonValue[], diff: EjsonDocument): EjsonValue[] {
  const result = [...array];
  const length = isDocument(diff.l) ? Number(diff.l.$numberInt ?? diff.l.$numberLong) : Number.NaN;
  if (Number.isInteger(length)) result.length = Math.min(result.length, length);
  for (const [key, value] of Object.entries(diff)) {
    const index = Number(key.slice(1));
    if (!Number.isInteger(index) || key.length < 2) continue;
    if (key.startsWith("u")) result[index] = value;
    else if (key.startsWith("s") && isDocument(value)) result[index] = applyInside(result[index], value);
  }
  return result;
}
