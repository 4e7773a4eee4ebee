import { expect, test } from "vitest";
import { applyDiff, changesOfDescription, changesOfDiff } from "./document-change.js";

const diff = {
  d: { old: false },
  u: { status: "paid" },
  i: { paidAt: { $date: "x" } },
  saddress: { u: { city: "Bonn" } },
  sitems: { a: true, l: { $numberInt: "3" }, u0: "first", s1: { u: { count: { $numberInt: "2" } } } },
};
const document = {
  _id: "1",
  old: true,
  status: "new",
  address: { city: "Kiel", zip: "1" },
  items: ["zero", { count: { $numberInt: "1" } }, "two", "three"],
};

test("the server's own diff of an update is told field by field", () => {
  expect(changesOfDiff(diff)).toEqual([
    { kind: "remove", path: "old" },
    { kind: "set", path: "status", value: "paid" },
    { kind: "add", path: "paidAt", value: { $date: "x" } },
    { kind: "set", path: "address.city", value: "Bonn" },
    { kind: "truncate", path: "items", value: { $numberInt: "3" } },
    { kind: "set", path: "items.0", value: "first" },
    { kind: "set", path: "items.1.count", value: { $numberInt: "2" } },
  ]);
});

test("a document after a diff is what the server makes of it; the one before stays as it was", () => {
  expect(applyDiff(document, diff)).toEqual({
    _id: "1",
    status: "paid",
    paidAt: { $date: "x" },
    address: { city: "Bonn", zip: "1" },
    items: ["first", { count: { $numberInt: "2" } }, "two"],
  });
  expect(document.items).toHaveLength(4);
});

test("a documented update description is told the same way", () => {
  expect(
    changesOfDescription({
      updatedFields: { "a.b": 1 },
      removedFields: ["c"],
      truncatedArrays: [{ field: "d", newSize: { $numberInt: "1" } }],
    }),
  ).toEqual([
    { kind: "set", path: "a.b", value: 1 },
    { kind: "remove", path: "c" },
    { kind: "truncate", path: "d", value: { $numberInt: "1" } },
  ]);
});
