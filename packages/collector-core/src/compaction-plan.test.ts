import { expect, test } from "vitest";
import { BUNDLE_BYTES, type CompactableSegment, CompactionPlan, LEAST_SEGMENTS, SMALL_SEGMENT_BYTES } from "./compaction-plan.js";

const BEFORE = new Date("2026-11-22T12:00:00Z");

/** Consecutive small segments that are old enough. */
const small = (first: number, last: number, fields: Partial<CompactableSegment> = {}): CompactableSegment[] =>
  Array.from({ length: last - first + 1 }, (_, i) => ({
    number: first + i,
    storedBytes: 1_000,
    sealedAt: new Date(BEFORE.getTime() - 1),
    bundled: false,
    ...fields,
  }));

function plan(...segments: CompactableSegment[]) {
  const found = new CompactionPlan(BEFORE);
  for (const segment of segments) found.add(segment);
  return found.bundles();
}

test("consecutive small segments become one bundle, the newest stays", () => {
  expect(plan(...small(1, 100))).toEqual([{ first: 1, last: 99 }]);
  expect(plan()).toEqual([]);
});

test.each<[string, CompactableSegment[]]>([
  ["a large segment", small(50, 50, { storedBytes: SMALL_SEGMENT_BYTES })],
  ["one that is in a bundle", small(50, 50, { bundled: true })],
  ["one that is too young", small(50, 50, { sealedAt: new Date(BEFORE.getTime() + 1) })],
  ["a number that is missing", []],
])("%s ends a run", (_, between) => {
  expect(plan(...small(1, 49), ...between, ...small(51, 100))).toEqual([
    { first: 1, last: 49 },
    { first: 51, last: 99 },
  ]);
});

test("a bundle holds no more than it may", () => {
  const segments = small(1, 40, { storedBytes: SMALL_SEGMENT_BYTES - 1 });
  const bundles = plan(...segments);
  expect(bundles).toEqual([1, 9, 17, 25].map((first) => ({ first, last: first + 7 })));
  expect(8 * (SMALL_SEGMENT_BYTES - 1)).toBeLessThanOrEqual(BUNDLE_BYTES);
});

test("fewer than are worth it stay as they are", () => {
  expect(plan(...small(1, LEAST_SEGMENTS))).toEqual([]);
  expect(plan(...small(1, LEAST_SEGMENTS + 1))).toEqual([{ first: 1, last: LEAST_SEGMENTS }]);
});
