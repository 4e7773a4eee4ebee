import { expect, test } from "vitest";
import { type SegmentFacts, unusualCounts } from "./unusual-moments.js";

const START = Date.parse("2026-11-22T12:00:00Z");
const SECOND = 1_000;

const segment = (second: number, counts: [operation: string, events: number][]): SegmentFacts => ({
  number: second + 1,
  at: START + second * SECOND,
  from: BigInt(second) << 32n,
  events: counts.reduce((sum, [, events]) => sum + events, 0),
  counts: counts.map(([operation, events]) => ({ namespace: "shop.orders", operation, events })),
});

const calm = Array.from({ length: 120 }, (_, second) =>
  segment(second, [
    ["insert", 10],
    ["delete", 1],
  ]),
);

test("everyday work is not unusual", () => {
  expect(unusualCounts(calm)).toEqual([]);
  expect(unusualCounts([])).toEqual([]);
});

test("a mass delete is one moment, at the end of the segment before it", () => {
  const found = unusualCounts([...calm.slice(0, 60), segment(60, [["delete", 300]]), ...calm.slice(61)]);
  expect(found).toEqual([
    {
      kind: "mass-delete",
      at: new Date(START + 60 * SECOND).toISOString(),
      before: "60,0",
      namespace: "shop.orders",
      operation: "delete",
      events: 309,
    },
  ]);
});

test("whoever deletes much all the time does nothing unusual", () => {
  expect(unusualCounts(Array.from({ length: 120 }, (_, second) => segment(second, [["delete", 300]])))).toEqual([]);
});

test("many times the usual number of events is a spike", () => {
  const found = unusualCounts([...calm.slice(0, 60), segment(60, [["update", 9_000]]), ...calm.slice(61)]);
  expect(found).toMatchObject([{ kind: "spike", before: "60,0", namespace: null, events: 9_099 }]);
});
