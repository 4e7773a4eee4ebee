import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type ClusterTime, formatClusterTime } from "./cluster-time.js";
import { CoverageBuilder, type CoverageEntry, readCoverage, timelineFor } from "./coverage.js";
import { isOplogError } from "./errors.js";
import { tokenData } from "./position.js";
import { decodeHeader } from "./segment.js";
import { History } from "./simulation/history.js";
import { Random } from "./simulation/random.js";
import { segmentsOf, storeOf } from "./simulation/sample-log.js";
import { RUN_START } from "./simulation/scenario.js";
import { sampleCheckpoint, samplePosition } from "./stores/sample-segment.js";

const timeAt = (second: number): ClusterTime => samplePosition(second).clusterTime;

function entry(number: number, fields: Partial<CoverageEntry> = {}): CoverageEntry {
  const defaults = { kind: "events", from: samplePosition(number - 1), to: samplePosition(number), coveredTo: timeAt(number) } as const;
  return { number, ...defaults, events: 2, bytes: 20, storedBytes: 10, ...fields };
}

const start = (number: number) => entry(number, { kind: "start", from: samplePosition(number), events: 0, bytes: 0 });

const gap = (number: number, from: number, to: number) =>
  entry(number, {
    ...{ kind: "gap", from: samplePosition(from), to: samplePosition(to), coveredTo: timeAt(to), events: 0, bytes: 0 },
    gap: { cause: "history lost", detectedAt: new Date(0) },
  });

function coverageOf(entries: CoverageEntry[], checkpoint: Parameters<CoverageBuilder["finish"]>[0] = null) {
  const builder = new CoverageBuilder();
  for (const one of entries) builder.add(one);
  return builder.finish(checkpoint);
}

/** From, to, in seconds of the samples. */
const secondsOf = (ranges: readonly { from: { clusterTime: ClusterTime }; to: { clusterTime: ClusterTime } }[]) =>
  ranges.map(({ from, to }) => [from, to].map(({ clusterTime }) => Number((clusterTime - timeAt(0)) >> 32n)));

describe("what is covered", () => {
  test("nothing, by an empty log", () => {
    expect(coverageOf([])).toMatchObject({ timelines: [], gaps: [], events: 0, segments: 0 });
  });

  test("from the start to the newest segment, all added up", () => {
    const coverage = coverageOf([start(1), entry(2), entry(3)]);
    expect(secondsOf(coverage.timelines)).toEqual([[1, 3]]);
    expect(coverage).toMatchObject({ gaps: [], events: 4, bytes: 40, storedBytes: 30, segments: 3 });
    expect(coverage.timelines[0]).toMatchObject({ firstSegment: 1, lastSegment: 3 });
  });

  test("not a transaction whose end is not there", () => {
    expect(secondsOf(coverageOf([start(1), entry(2), entry(3, { coveredTo: timeAt(2) })]).timelines)).toEqual([[1, 2]]);
  });

  test("further than the newest segment, by a checkpoint that was written after it", () => {
    const entries = [start(1), entry(2)];
    expect(secondsOf(coverageOf(entries, sampleCheckpoint(9, null, { afterSegment: 2 })).timelines)).toEqual([[1, 9]]);
    expect(secondsOf(coverageOf(entries, sampleCheckpoint(9, null, { afterSegment: 1 })).timelines)).toEqual([[1, 2]]);
    expect(secondsOf(coverageOf(entries, sampleCheckpoint(1, null, { afterSegment: 2 })).timelines)).toEqual([[1, 2]]);
  });

  test("not what a missing segment held: the hole is a gap, and names the segments", () => {
    const coverage = coverageOf([start(1), entry(2), entry(4), entry(7)]);
    expect(secondsOf(coverage.timelines)).toEqual([
      [1, 2],
      [3, 4],
      [6, 7],
    ]);
    expect(secondsOf(coverage.gaps)).toEqual([
      [2, 3],
      [4, 6],
    ]);
    expect(coverage.gaps.map(({ cause }) => cause)).toEqual([
      "segment 3 is missing from the store",
      "segments 5 to 6 are missing from the store",
    ]);
  });

  test("not what a gap leaves out; a new timeline begins after it", () => {
    const coverage = coverageOf([
      start(1),
      entry(2),
      gap(3, 2, 8),
      entry(4, { from: samplePosition(8), to: samplePosition(9), coveredTo: timeAt(9) }),
    ]);
    expect(secondsOf(coverage.timelines)).toEqual([
      [1, 2],
      [8, 9],
    ]);
    expect(secondsOf(coverage.gaps)).toEqual([[2, 8]]);
    expect(coverage.gaps[0]).toMatchObject({ cause: "history lost", detectedAt: new Date(0) });
  });

  test("up to where a gap begins: later than the newest events when the source was idle, earlier when events turned out to be missing", () => {
    expect(secondsOf(coverageOf([start(1), entry(2), gap(3, 5, 8)]).timelines)).toEqual([
      [1, 5],
      [8, 8],
    ]);
    expect(secondsOf(coverageOf([start(1), entry(2), entry(3), gap(4, 2, 8)]).timelines)).toEqual([
      [1, 2],
      [8, 8],
    ]);
    expect(secondsOf(coverageOf([start(5), entry(6), gap(7, 2, 8)]).timelines)[0]).toEqual([5, 5]);
  });

  test("after a prune, from the end of what was pruned", () => {
    expect(secondsOf(coverageOf([entry(5), entry(6)]).timelines)).toEqual([[4, 6]]);
  });
});

describe("of any log of which any segments are missing", () => {
  // Small values, which a failure can print; the log is made of them.
  const arbitraryLog = fc.record({
    seed: fc.nat(),
    events: fc.integer({ min: 1, max: 30 }),
    cuts: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 5 }),
    missing: fc.array(fc.nat(30), { maxLength: 4 }),
  });

  test("only what is there is covered, and the timelines follow one another", async () => {
    await fc.assert(
      fc.asyncProperty(arbitraryLog, async ({ seed, events, cuts, missing }) => {
        const shape = { from: RUN_START, to: RUN_START + 20_000, events, sharded: false, split: false, invalidates: false };
        const history = new History(new Random(seed), shape);
        const segments = segmentsOf(history, cuts).filter(({ number }) => !missing.includes(number));
        const { timelines } = await readCoverage(await storeOf(segments));
        const ranges = segments.map(({ header }) => decodeHeader(header));
        const isStored = ({ token }: { token: string }) => ranges.some(({ from, to }) => tokenOf(from) < token && token <= tokenOf(to));
        let end = -1n;
        for (const { from, to } of timelines) {
          expect(from.clusterTime <= to.clusterTime).toBe(true);
          expect(from.clusterTime >= end).toBe(true);
          end = to.clusterTime;
          for (const event of history.events) if (from.clusterTime < event.time && event.time <= end) expect(isStored(event)).toBe(true);
        }
      }),
    );
  });

  test("a segment of which any one bit is another adds nothing to it, where timelines begin and end at least", async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.nat(), fc.boolean(), async (seed, bit, newest) => {
        const shape = { from: RUN_START, to: RUN_START + 20_000, events: 12, sharded: false, split: false, invalidates: false };
        const segments = segmentsOf(new History(new Random(seed), shape), [4]);
        const [before] = (await readCoverage(await storeOf(segments))).timelines;
        const at = newest ? segments.length - 1 : 0;
        const header = Buffer.from(segments[at]!.header);
        header[Math.floor(bit / 8) % header.length]! ^= 1 << (bit % 8);
        const harmed = segments.with(at, { ...segments[at]!, header });
        const { timelines, segments: counted } = await readCoverage(await storeOf(harmed));
        expect(counted).toBe(segments.length - 1);
        expect(timelines).toEqual([
          newest
            ? expect.objectContaining({ from: before!.from, lastSegment: segments.length - 1 })
            : expect.objectContaining({ firstSegment: 2, to: before!.to }),
        ]);
      }),
    );
  });

  const tokenOf = ({ token }: { token: Buffer | null }) => tokenData(token!);
});

describe("the timeline for a range", () => {
  const coverage = coverageOf([
    start(1),
    entry(2),
    gap(3, 2, 8),
    entry(4, { from: samplePosition(8), to: samplePosition(9), coveredTo: timeAt(9) }),
  ]);
  const find = (after: number, to: number, of = coverage) => timelineFor(of, timeAt(after), timeAt(to), formatClusterTime);

  test("is the one that reaches from its beginning, which is exclusive, to its end, which is inclusive", () => {
    expect(find(1, 2)).toBe(coverage.timelines[0]);
    expect(find(8, 9)).toBe(coverage.timelines[1]);
  });

  test.each([
    ["before the log", 0, 2, /begins at 1700000001,1, after 1700000000,1/],
    ["after the log", 8, 12, /reaches to 1700000009,1, not to 1700000012,1/],
    ["over a gap", 1, 9, /From 1700000002,1 to 1700000008,1 the log has a gap: history lost/],
    ["inside a gap", 4, 6, /has a gap/],
  ])("%s is outside, and the error names the hole or the end", (_, after, to, message) => {
    expect(() => find(after, to)).toThrow(message);
    try {
      find(after, to);
    } catch (error) {
      expect(isOplogError(error, "OUTSIDE_COVERAGE")).toBe(true);
    }
  });

  test("of an empty log there is none", () => {
    expect(() => find(1, 2, coverageOf([]))).toThrow(/empty/);
  });
});
