import fc from "fast-check";
import { expect, test } from "vitest";
import { clusterTime, dateOf, formatClusterTime, ordinalOf, parseClusterTime, secondsOf } from "./cluster-time.js";

const uint32 = fc.integer({ min: 0, max: 0xffffffff });

test("a cluster time keeps both its parts, and prints as it is read", () => {
  fc.assert(
    fc.property(uint32, uint32, (t, i) => {
      const time = clusterTime(t, i);
      expect([secondsOf(time), ordinalOf(time)]).toEqual([t, i]);
      expect(parseClusterTime(formatClusterTime(time))).toBe(time);
    }),
  );
});

test("cluster times are ordered by second, then by ordinal", () => {
  fc.assert(
    fc.property(uint32, uint32, uint32, uint32, (t, i, u, j) => {
      expect(clusterTime(t, i) < clusterTime(u, j)).toBe(t < u || (t === u && i < j));
    }),
  );
});

test("says the second of the clock", () => {
  expect(dateOf(clusterTime(1_795_356_656, 17)).toISOString()).toBe("2026-11-22T14:10:56.000Z");
});

test.each(["", "1", "1,", ",1", "1,2,3", "-1,2", "1.5,2", "4294967296,0", "0,4294967296", "a,b", "1 ,2"])(
  "%j is no cluster time",
  (text) => {
    expect(parseClusterTime(text)).toBeUndefined();
  },
);

test("space around it does not matter", () => {
  expect(parseClusterTime(" 1795356656,17\n")).toBe(clusterTime(1_795_356_656, 17));
});
