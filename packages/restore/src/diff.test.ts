import { BSON } from "mongodb";
import { expect, test } from "vitest";
import { diffModifiers, modifierUpdate, onlySet } from "./diff.js";

/** The update operators for a diff, decoded; null when it is left to the server. */
function translated(diff: object): unknown {
  const update = Buffer.from(BSON.serialize({ $v: 2, diff }));
  const modifiers = diffModifiers(update);
  const set = onlySet(update);
  // The short cut agrees with the long way, where it is taken.
  if (set) expect({ $set: BSON.deserialize(set) }).toEqual(modifiers && BSON.deserialize(modifierUpdate(modifiers)));
  return modifiers ? BSON.deserialize(modifierUpdate(modifiers)) : null;
}

test("fields that are set or go, also inside documents and arrays, become $set and $unset", () => {
  expect(translated({ u: { a: 1, b: { c: [1] } }, d: { z: false } })).toEqual({ $set: { a: 1, b: { c: [1] } }, $unset: { z: false } });
  expect(translated({ sa: { u: { b: 1 }, sc: { u: { d: 2 }, d: { e: false } } } })).toEqual({
    $set: { "a.b": 1, "a.c.d": 2 },
    $unset: { "a.c.e": false },
  });
  expect(translated({ sa: { a: true, u3: 9, s1: { u: { x: 1 } } } })).toEqual({ $set: { "a.3": 9, "a.1.x": 1 } });
});

test.each([
  ["a field that is inserted, and so goes to the end", { i: { a: 1 } }],
  ["one inserted in an inner document", { sa: { i: { b: 1 } } }],
  ["a name with a dot", { u: { "a.b": 1 } }],
  ["a name with a dollar sign", { u: { $a: 1 } }],
  ["an empty name", { u: { "": 1 } }],
  ["a name with a dot that goes", { d: { "a.b": false } }],
  ["an inner document whose name has a dot", { "sa.b": { u: { c: 1 } } }],
  ["a number as a name, which in a path could be an index", { sa: { u: { 0: 1 } } }],
  ["an array that gets shorter", { sa: { a: true, l: 2 } }],
])("%s is left to the server", (_, diff) => {
  expect(translated(diff)).toBeNull();
});

test("a number as a name of the whole document can only be a field", () => {
  expect(translated({ u: { 0: 1 } })).toEqual({ $set: { 0: 1 } });
});

test("a diff that only sets plain fields needs no translation", () => {
  const bytesOf = (diff: object) => onlySet(Buffer.from(BSON.serialize({ $v: 2, diff })));
  expect(bytesOf({ u: { a: 1, 2: { "x.y": 1 } } })).toEqual(Buffer.from(BSON.serialize({ a: 1, 2: { "x.y": 1 } })));
  for (const diff of [
    { u: { a: 1 }, d: { b: false } },
    { d: { b: false } },
    { u: { "a.b": 1 } },
    { u: { $a: 1 } },
    { u: { "": 1 } },
    { i: { a: 1 } },
  ])
    expect(bytesOf(diff)).toBeUndefined();
});
