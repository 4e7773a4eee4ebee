import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type KeptSegment, type KeptSnapshot, planRetention } from "./retention-plan.js";

const segment = (number: number, to: number, storedBytes = 10, begins = number === 1): KeptSegment => ({
  number,
  to: BigInt(to),
  storedBytes,
  begins,
});
const snapshot = (id: string, takenFrom: number, restorableFrom = takenFrom + 1, storedBytes = 10): KeptSnapshot => ({
  id,
  takenFrom: BigInt(takenFrom),
  restorableFrom: BigInt(restorableFrom),
  storedBytes,
});
/** Segment n ends at 10 n. */
const log = (count: number): KeptSegment[] => Array.from({ length: count }, (_, index) => segment(index + 1, (index + 1) * 10));

describe("retention by age", () => {
  test("without snapshots cuts at the last whole segment before the cutoff", () => {
    expect(planRetention({ cutoff: 35n, segments: log(10), snapshots: [] })).toEqual({
      removeUpTo: 3,
      removeSnapshots: [],
      bytesTooMany: 0,
    });
  });

  test("keeps the newest snapshot from before the cutoff and all of the log since it was taken", () => {
    const snapshots = [snapshot("a", 5), snapshot("b", 42), snapshot("c", 71)];
    expect(planRetention({ cutoff: 65n, segments: log(10), snapshots })).toMatchObject({
      removeUpTo: 4,
      removeSnapshots: ["a"],
    });
  });

  test("keeps what a snapshot that was not yet complete at the cutoff needs", () => {
    expect(planRetention({ cutoff: 65n, segments: log(10), snapshots: [snapshot("a", 42, 80)] })).toMatchObject({
      removeUpTo: 4,
      removeSnapshots: [],
    });
  });

  test("does not keep a snapshot from before a gap for what is after it", () => {
    const segments = [segment(1, 10), segment(2, 20), segment(3, 50, 10, true), segment(4, 60), segment(5, 70)];
    expect(planRetention({ cutoff: 65n, segments, snapshots: [snapshot("a", 12)] })).toMatchObject({
      removeUpTo: 4,
      removeSnapshots: ["a"],
    });
  });

  test("never takes the newest segment: the next one is chained to it", () => {
    expect(planRetention({ cutoff: 1_000n, segments: log(3), snapshots: [] })).toMatchObject({ removeUpTo: 2 });
    expect(planRetention({ cutoff: 1_000n, segments: log(1), snapshots: [] })).toMatchObject({ removeUpTo: null });
    expect(planRetention({ cutoff: 1_000n, segments: [], snapshots: [] })).toMatchObject({ removeUpTo: null });
  });
});

describe("retention by size", () => {
  test("takes the oldest segments until it fits", () => {
    expect(planRetention({ maxBytes: 35, cutoff: null, segments: log(10), snapshots: [] })).toEqual({
      removeUpTo: 7,
      removeSnapshots: [],
      bytesTooMany: 0,
    });
  });

  test("takes a snapshot only together with the log that hangs on it", () => {
    const snapshots = [snapshot("a", 15), snapshot("b", 55)];
    // 100 + 20 bytes; without what is before a: 110; without a and what is before b: 60.
    expect(planRetention({ maxBytes: 110, cutoff: null, segments: log(10), snapshots })).toMatchObject({
      removeUpTo: 1,
      removeSnapshots: [],
    });
    expect(planRetention({ maxBytes: 100, cutoff: null, segments: log(10), snapshots })).toMatchObject({
      removeSnapshots: ["a"],
    });
  });

  test("says how much too large it is when all that is left hangs on one snapshot", () => {
    expect(planRetention({ maxBytes: 20, cutoff: null, segments: log(10), snapshots: [snapshot("a", 15)] })).toEqual({
      removeUpTo: 1,
      removeSnapshots: [],
      bytesTooMany: 80,
    });
  });
});

test("whatever the log: nothing that can be restored after the cutoff is lost, and no range is left whose snapshot is gone", () => {
  const logs = fc.array(fc.record({ length: fc.integer({ min: 1, max: 20 }), bytes: fc.integer({ min: 1, max: 50 }), gap: fc.boolean() }), {
    minLength: 1,
    maxLength: 25,
  });
  const shots = fc.array(fc.record({ at: fc.integer({ min: 0, max: 300 }), takes: fc.integer({ min: 1, max: 30 }) }), { maxLength: 4 });
  fc.assert(
    fc.property(
      logs,
      shots,
      fc.option(fc.integer({ min: 0, max: 400 })),
      fc.option(fc.integer({ min: 1, max: 600 })),
      (pieces, taken, cutoff, maxBytes) => {
        let time = 0;
        const segments = pieces.map(({ length, bytes, gap }, index) => {
          time += length;
          return segment(index + 1, time, bytes, index === 0 || gap);
        });
        const snapshots = taken.map(({ at, takes }, index) => snapshot(`s${index}`, at, at + takes));
        const plan = planRetention({
          ...(maxBytes !== null && { maxBytes }),
          cutoff: cutoff === null ? null : BigInt(cutoff),
          segments,
          snapshots,
        });
        const leftSegments = segments.filter(({ number }) => number > (plan.removeUpTo ?? 0));
        const leftSnapshots = snapshots.filter(({ id }) => !plan.removeSnapshots.includes(id));
        expect(leftSegments.length).toBeGreaterThan(0);
        // Times that some snapshot and the log since it was taken lead to.
        const restorable = (of: KeptSegment[], from: KeptSnapshot[], all: KeptSegment[]) => {
          const times = new Set<number>();
          for (const { takenFrom, restorableFrom } of from) {
            const missing = all.some(({ number, to }) => to > takenFrom && !of.some((kept) => kept.number === number));
            if (missing) continue;
            for (const { to, begins } of of) {
              if (begins && to > takenFrom) break;
              if (to >= restorableFrom) times.add(Number(to));
            }
          }
          return times;
        };
        const before = restorable(segments, snapshots, segments);
        const after = restorable(leftSegments, leftSnapshots, segments);
        if (maxBytes === null) for (const to of before) if (cutoff === null || to >= cutoff) expect(after).toContain(to);
        // A snapshot that stays has all of the log that it had.
        for (const { takenFrom } of leftSnapshots)
          for (const { number, to } of segments) if (to > takenFrom) expect(leftSegments.map((kept) => kept.number)).toContain(number);
        if (cutoff === null && maxBytes === null) expect(plan).toMatchObject({ removeUpTo: null, removeSnapshots: [] });
      },
    ),
    { numRuns: 1_000 },
  );
});
