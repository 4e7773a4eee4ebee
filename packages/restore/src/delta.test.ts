import { BSON } from "mongodb";
import { expect, test } from "vitest";
import { resolveDelta, resolveDeltaIn } from "./delta.js";

const bson = (document: object): Buffer => Buffer.from(BSON.serialize(document));
const description = (changes: object): Buffer => bson({ updatedFields: {}, removedFields: [], truncatedArrays: [], ...changes });
const diffOf = (update: Buffer | undefined): unknown => update && BSON.deserialize(update);

test("without dots every path has one meaning", () => {
  const update = resolveDelta(
    description({ updatedFields: { z: 1, a: 2, $x: 3 }, removedFields: ["b"], truncatedArrays: [{ field: "list", newSize: 2 }] }),
  );
  expect(diffOf(update)).toEqual({ $v: 2, diff: { d: { b: false }, u: { z: 1, a: 2, $x: 3 }, slist: { a: true, l: 2 } } });
});

test("a path with dots has one meaning only where the server says so", () => {
  const updatedFields = { "a.b": 1, "c.0.d": 2, "e.0": 3 };
  expect(resolveDelta(description({ updatedFields }))).toBeUndefined();
  const update = resolveDelta(
    description({ updatedFields, disambiguatedPaths: { "a.b": ["a.b"], "c.0.d": ["c", 0, "d"], "e.0": ["e", "0"] } }),
  );
  expect(diffOf(update)).toEqual({ $v: 2, diff: { u: { "a.b": 1 }, sc: { a: true, s0: { u: { d: 2 } } }, se: { u: { 0: 3 } } } });
  expect(diffOf(resolveDelta(description({ updatedFields: { "a.b.c": 1 }, disambiguatedPaths: {} })))).toEqual({
    $v: 2,
    diff: { sa: { sb: { u: { c: 1 } } } },
  });
});

test("the document before the update tells paths, names with dots and indexes apart", () => {
  const before = bson({
    a: { b: 1 },
    "c.d": 1,
    list: [1, { x: 1 }],
    object: { 0: 1 },
    "deep.er": { in: { "n.m": 1 } },
    numbers: [1, 2, 3],
  });
  const { update, undecided } = resolveDeltaIn(
    description({
      updatedFields: { "a.b": 2, "c.d": 2, "list.1.x": 2, "object.0": 2, "deep.er.in.n.m": 2 },
      truncatedArrays: [{ field: "numbers", newSize: 1 }],
    }),
    before,
  );
  expect(undecided).toEqual([]);
  expect(diffOf(update)).toEqual({
    $v: 2,
    diff: {
      u: { "c.d": 2 },
      sa: { u: { b: 2 } },
      slist: { a: true, s1: { u: { x: 2 } } },
      sobject: { u: { 0: 2 } },
      "sdeep.er": { sin: { u: { "n.m": 2 } } },
      snumbers: { a: true, l: 1 },
    },
  });
});

test("what can still mean two things is taken for a path, and said", () => {
  const both = resolveDeltaIn(description({ updatedFields: { "a.b": 2 } }), bson({ a: { b: 1 }, "a.b": 1 }));
  expect(both.undecided).toEqual(["a.b"]);
  expect(diffOf(both.update)).toEqual({ $v: 2, diff: { sa: { u: { b: 2 } } } });
  // A new field: nested, or one with a dot in its name.
  expect(resolveDeltaIn(description({ updatedFields: { "a.new": 2 } }), bson({ a: { b: 1 } })).undecided).toEqual(["a.new"]);
  // Nothing to be nested in: the name has the dot.
  expect(resolveDeltaIn(description({ updatedFields: { "x.new": 2 } }), bson({ a: 1 })).undecided).toEqual([]);
});
