import fc from "fast-check";
import { expect, test } from "vitest";
import { clusterTime } from "../cluster-time.js";
import type { ForwardPosition } from "./forward-position.js";
import { parseForwardPosition, printForwardPosition } from "./forward-position.js";
import { LogFollower, type Stretch } from "./log-follower.js";
import { LogForTest } from "./log-for-test.js";

const events = (stretch: Stretch): string[] =>
  stretch.kind === "events" ? stretch.events.map(({ segment, index }) => `${segment}:${index}`) : [stretch.kind];

/** Through the text that is kept, as a forwarder does. */
const kept = (position: ForwardPosition): ForwardPosition => parseForwardPosition(JSON.stringify(printForwardPosition(position)));

async function all(follower: LogFollower): Promise<string[]> {
  const seen: string[] = [];
  for (;;) {
    const stretch = await follower.next();
    seen.push(...events(stretch));
    if (stretch.kind === "end" || stretch.kind === "missing") return seen;
  }
}

test("events that are not covered yet wait for the rest of their transaction, across segments", async () => {
  const log = await LogForTest.begin();
  await log.add([{ time: 1 }, { time: 2 }, { time: 2 }], { coveredTo: 1 });
  const follower = new LogFollower(log.store, null);
  expect(events(await follower.next())).toEqual(["2:0"]);
  expect(events(await follower.next())).toEqual(["end"]);
  await log.add([{ time: 2 }, { time: 3 }], { coveredTo: 2 });
  const transaction = await follower.next();
  expect(events(transaction)).toEqual(["2:1", "2:2", "3:0"]);
  expect(events(await follower.next())).toEqual(["end"]);

  // A checkpoint says that nothing more comes of that time.
  const position = { token: null, clusterTime: clusterTime(1_700_000_000, 5), wallTime: null };
  const checkpoint = { position, coveredTo: position.clusterTime, afterSegment: 3, writer: null, at: new Date() };
  await log.store.writeCheckpoint(checkpoint);
  expect(events(await follower.next())).toEqual(["3:1"]);
  expect(await follower.next()).toEqual({ kind: "end", coveredTo: position.clusterTime });
});

test("whatever the cuts, following from any of its positions gives each event once and in order, and never a part of a transaction", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ transaction: fc.boolean(), cut: fc.boolean() }), { minLength: 1, maxLength: 30 }),
      fc.array(fc.nat(3), { maxLength: 12 }),
      async (shape, restarts) => {
        const log = await LogForTest.begin();
        const times: number[] = [];
        for (const { transaction } of shape) times.push(transaction && times.length > 0 ? times.at(-1)! : (times.at(-1) ?? 0) + 1);
        const expected: string[] = [];
        let held: number[] = [];
        let segment = 1;
        for (const [i, time] of times.entries()) {
          held.push(time);
          const last = i === times.length - 1;
          if (!shape[i]!.cut && !last) continue;
          segment++;
          expected.push(...held.map((_, index) => `${segment}:${index}`));
          await log.add(
            held.map((at) => ({ time: at })),
            { coveredTo: last ? time : Math.min(time, times[i + 1]! - 1) },
          );
          held = [];
        }
        const seen: string[] = [];
        const turns = [...restarts];
        let position: ForwardPosition | null = null;
        let follower = new LogFollower(log.store, null);
        for (;;) {
          const stretch = await follower.next();
          if (stretch.kind === "end") break;
          if (stretch.kind !== "events") throw new Error(stretch.kind);
          seen.push(...events(stretch));
          const [first, end] = [stretch.events[0]!, stretch.events.at(-1)!];
          const before = seen.length > stretch.events.length ? times[seen.length - stretch.events.length - 1] : undefined;
          expect(times[seen.length - stretch.events.length]).not.toBe(before);
          expect(times[seen.length]).not.toBe(times[seen.length - 1]);
          expect(first.clusterTime <= end.clusterTime).toBe(true);
          position = kept(stretch.position);
          if (turns.pop() === 0) follower = new LogFollower(log.store, position);
        }
        expect(seen).toEqual(expected);
        expect(await all(new LogFollower(log.store, position))).toEqual(["end"]);
      },
    ),
    { numRuns: 150 },
  );
});

test("a gap of the log is told in its place, and what waited for the rest of its transaction lies in it", async () => {
  const log = await LogForTest.begin();
  await log.add([{ time: 1 }, { time: 2 }], { coveredTo: 1 });
  await log.gap("the oplog rolled over");
  await log.add(log.inserts(1));
  const follower = new LogFollower(log.store, null);
  expect(events(await follower.next())).toEqual(["2:0"]);
  const gap = await follower.next();
  expect(gap).toMatchObject({ kind: "gap", gap: { cause: "the oplog rolled over" } });
  if (gap.kind !== "gap") throw new Error(gap.kind);
  expect(await all(new LogFollower(log.store, kept(gap.position)))).toEqual(["4:0", "end"]);
  expect(events(await follower.next())).toEqual(["4:0"]);
});

test("segments that were pruned before they were published are named; gone over, what is there follows", async () => {
  const log = await LogForTest.begin();
  await log.add(log.inserts(2));
  const follower = new LogFollower(log.store, null);
  const { position } = (await follower.next()) as Extract<Stretch, { kind: "events" }>;
  for (let i = 0; i < 4; i++) await log.add(log.inserts(2));
  await log.store.remove(4);
  for (const late of [follower, new LogFollower(log.store, kept(position))]) {
    const missing = await late.next();
    if (missing.kind !== "missing") throw new Error(missing.kind);
    expect(missing.error).toMatchObject({ code: "OUTSIDE_COVERAGE", hint: expect.stringContaining("--accept-gap") });
    expect(missing.error.message).toMatch(/^Segments 3 to 4 were removed .* \(from 1700000000,2 to 1700000000,6\)$/);
    expect(missing.gap).toMatchObject({ cause: expect.stringContaining("Segments 3 to 4") });
    expect(await all(new LogFollower(log.store, kept(missing.position)))).toEqual(["5:0", "5:1", "6:0", "6:1", "end"]);
  }
});

test("a prune of what is published, also of all of it, hides nothing", async () => {
  const log = await LogForTest.begin();
  await log.add(log.inserts(2));
  await log.add(log.inserts(2));
  const follower = new LogFollower(log.store, null);
  await follower.next();
  const { position } = (await follower.next()) as Extract<Stretch, { kind: "events" }>;
  await log.store.remove(2);
  await log.add(log.inserts(1));
  expect(await all(new LogFollower(log.store, kept(position)))).toEqual(["4:0", "end"]);
  await log.store.remove(3);
  expect(await all(new LogFollower(log.store, kept(position)))).toEqual(["4:0", "end"]);
});

test("a part of a segment that was pruned is missing too", async () => {
  const log = await LogForTest.begin();
  await log.add([{ time: 1 }, { time: 2 }], { coveredTo: 1 });
  const { position } = (await new LogFollower(log.store, null).next()) as Extract<Stretch, { kind: "events" }>;
  expect(position).toMatchObject({ segment: 2, events: 1, complete: false });
  await log.add(log.inserts(1));
  await log.store.remove(2);
  expect((await new LogFollower(log.store, kept(position)).next()).kind).toBe("missing");
});

test.each([0, 1, 2, 5])("a log that was begun anew, with %i segments, is not taken for the one that was published", async (segments) => {
  const old = await LogForTest.begin();
  for (let i = 0; i < 2; i++) await old.add(old.inserts(1));
  const follower = new LogFollower(old.store, null);
  await follower.next();
  const { position } = (await follower.next()) as Extract<Stretch, { kind: "events" }>;
  await old.store.remove();
  if (segments > 0) {
    const anew = await LogForTest.begin("shop", old.store);
    for (let i = 1; i < segments; i++) await anew.add(anew.inserts(1, 100));
  }
  for (const late of [follower, new LogFollower(old.store, kept(position))]) {
    const missing = await late.next();
    if (missing.kind !== "missing") throw new Error(missing.kind);
    expect(missing.error.message).toContain("begun anew");
    const rest = await all(new LogFollower(old.store, kept(missing.position)));
    expect(rest).toEqual([...Array.from({ length: Math.max(0, segments - 1) }, (_, i) => `${i + 2}:0`), "end"]);
  }
});

test("a position that was not written so is refused", () => {
  for (const text of ["", "{}", '{"segment":1,"hash":"00","events":0,"complete":true,"clusterTime":"1,1"}'])
    expect(() => parseForwardPosition(text)).toThrow(expect.objectContaining({ code: "DAMAGED" }));
});
