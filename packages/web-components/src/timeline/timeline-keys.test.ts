import { expect, test } from "vitest";
import { type KeyContext, moveOf } from "./timeline-keys.js";

const context: KeyContext = {
  view: { from: 1_000, to: 101_000 },
  bounds: { from: 0, to: 200_000 },
  cursor: 50_000,
  first: 2_000,
  last: 190_000,
  marks: [10_000, 50_000, 90_000],
};

test.each([
  ["ArrowLeft", false, { kind: "cursor", time: 49_000 }],
  ["ArrowRight", true, { kind: "cursor", time: 60_000 }],
  ["Home", false, { kind: "cursor", time: 2_000 }],
  ["End", false, { kind: "cursor", time: 190_000 }],
  ["PageDown", false, { kind: "view", view: { from: 100_000, to: 200_000 } }],
  ["n", false, { kind: "mark", index: 2 }],
  ["p", false, { kind: "mark", index: 0 }],
  ["x", false, null],
])("%s (far: %s)", (key, far, move) => {
  expect(moveOf(key, far, context)).toEqual(move);
});

test("without a mark on that side, and without a cursor yet", () => {
  expect(moveOf("p", false, { ...context, cursor: 10_000 })).toBeNull();
  expect(moveOf("n", false, { ...context, marks: [] })).toBeNull();
  expect(moveOf("ArrowRight", false, { ...context, cursor: null })).toEqual({ kind: "cursor", time: 52_000 });
});

test("the cursor stays within what there is to see", () => {
  expect(moveOf("ArrowLeft", true, { ...context, cursor: 3_000 })).toEqual({ kind: "cursor", time: 0 });
});
