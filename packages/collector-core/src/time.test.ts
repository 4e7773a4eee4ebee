import { BSON, Timestamp } from "mongodb";
import { expect, test } from "vitest";
import { type ClusterTime, clusterTime, dateOf, formatClusterTime } from "./cluster-time.js";
import { readCoverage } from "./coverage.js";
import { checkRangeCovered, readRange, resolveRange } from "./log-range.js";
import { clusterTimeOfToken, type Position, tokenData, tokenFromData } from "./position.js";
import { rawValue } from "./raw-bson.js";
import { sealSegment } from "./segment.js";
import type { Store } from "./store.js";
import { memoryStoreLocation } from "./stores/memory-store.js";
import { parseTime, resolveTime } from "./time.js";

const SECOND = 1_795_356_656; // 2026-11-22T14:10:56Z
const iso = (ms: number, second = SECOND) => new Date(second * 1000 + ms).toISOString();

/** One event: its cluster time in the second, and the milliseconds of its wall time. */
interface Event {
  time: ClusterTime;
  wallTime: Date;
  token: string;
}

const event = (ordinal: number, ms: number, { second = SECOND, place = "01" } = {}): Event => {
  const time = clusterTime(second, ordinal);
  return { time, wallTime: new Date(second * 1000 + ms), token: `82${time.toString(16).padStart(16, "0").toUpperCase()}${place}` };
};

const positionOf = ({ time, wallTime, token }: Event): Position => ({ token: tokenFromData(token), clusterTime: time, wallTime });

/** A log that begins at the second before, with a segment for each list of events, covered up to `coveredTo`. */
async function logOf(coveredTo: ClusterTime, ...segments: Event[][]): Promise<Store> {
  const store = await memoryStoreLocation().log("a");
  let at: Position = { token: null, clusterTime: clusterTime(SECOND - 1, 1), wallTime: null };
  let number = 1;
  let previous: Buffer | null = null;
  const append = async (to: Position, covered: ClusterTime, events: Event[]) => {
    const payload = Buffer.concat(
      events.map(({ time, wallTime, token }) =>
        BSON.serialize({
          _id: { _data: token },
          operationType: "insert",
          clusterTime: new Timestamp(time),
          wallTime,
          ns: { db: "a", coll: "b" },
        }),
      ),
    );
    const counts = events.length > 0 ? [{ namespace: "a.b", operation: "insert", events: events.length }] : [];
    const kind = events.length > 0 ? ("events" as const) : ("start" as const);
    const header = {
      number,
      kind,
      log: "a",
      previous,
      sealedAt: new Date(),
      from: at,
      to,
      coveredTo: covered,
      format: "change-event" as const,
    };
    const segment = sealSegment({ ...header, events: events.length, bytes: payload.length, counts, codec: "none" }, payload);
    await store.append(segment);
    previous = segment.hash;
    at = to;
    number++;
  };
  await append(at, at.clusterTime, []);
  for (const [index, events] of segments.entries()) {
    const last = events.at(-1)!;
    await append(positionOf(last), index === segments.length - 1 ? coveredTo : last.time, events);
  }
  return store;
}

const resolved = async (text: string, store: Store) => resolveTime(parseTime(text), store, await readCoverage(store));

test("a time is ISO-8601 with its zone, a cluster time, a resume token or now", () => {
  expect(parseTime(" 1795356656,17 ")).toMatchObject({ kind: "clusterTime", clusterTime: clusterTime(SECOND, 17) });
  expect(parseTime("2026-11-22T14:05:24.269Z")).toMatchObject({ kind: "wallTime", date: new Date("2026-11-22T14:05:24.269Z") });
  expect(parseTime("2026-11-22T15:05:24.269+01:00")).toMatchObject({ date: new Date("2026-11-22T14:05:24.269Z") });
  expect(parseTime("2026-11-22")).toMatchObject({ date: new Date("2026-11-22T00:00:00Z") });
  expect(parseTime("now").kind).toBe("now");
  expect(parseTime("826b0320cf000000032b0229296e04")).toMatchObject({
    kind: "token",
    token: "826B0320CF000000032B0229296E04",
    clusterTime: clusterTimeOfToken("826B0320CF00000003"),
  });
});

test.each([
  "",
  "tomorrow",
  "2026-13-01",
  "2026-11-22T14:05:24", // without a zone it would be another moment on each machine
  "2026-02-30T25:00:00Z",
  "1969-12-31T23:59:59Z",
  "9999-01-01T00:00:00Z",
  "1795356656",
  "1795356656,",
  "4294967296,1",
  "6b0320cf", // hex, but no token
])("%j is not a time", (text) => {
  expect(() => parseTime(text)).toThrow(expect.objectContaining({ code: "BAD_INPUT" }));
});

test("milliseconds tell the events of one second apart", async () => {
  const store = await logOf(
    clusterTime(SECOND + 1, 1),
    [event(1, 100), event(2, 269)],
    [event(3, 269), event(4, 900)],
    [event(1, 0, { second: SECOND + 1 })],
  );
  expect(await resolved(iso(99), store)).toBe(clusterTime(SECOND, 0));
  expect(await resolved(iso(100), store)).toBe(clusterTime(SECOND, 1));
  expect(await resolved(iso(269), store)).toBe(clusterTime(SECOND, 3));
  expect(await resolved(iso(899), store)).toBe(clusterTime(SECOND, 3));
  expect(await resolved(iso(999), store)).toBe(clusterTime(SECOND, 4));
});

test("a moment is never put into the middle of a transaction, whose events share a cluster time", async () => {
  const transaction = [event(5, 300, { place: "01" }), event(5, 300, { place: "02" })];
  const store = await logOf(clusterTime(SECOND + 1, 1), [event(1, 100), ...transaction], [event(1, 0, { second: SECOND + 1 })]);
  expect(await resolved(iso(299), store)).toBe(clusterTime(SECOND, 1));
  expect(await resolved(iso(300), store)).toBe(clusterTime(SECOND, 5));
});

test("a moment of which the log does not know the end yet is outside coverage", async () => {
  const store = await logOf(clusterTime(SECOND, 1), [event(1, 100)]);
  const coverage = await readCoverage(store);
  const later = await resolveRange({ to: parseTime(iso(500)) }, store, coverage);
  expect(() => checkRangeCovered(later, coverage)).toThrow(expect.objectContaining({ code: "OUTSIDE_COVERAGE" }));
  const known = await resolveRange({ to: parseTime(iso(50)) }, store, coverage);
  expect(() => checkRangeCovered(known, coverage)).not.toThrow();
});

test("now is not told of a log whose newest segment is damaged", async () => {
  const store = await logOf(clusterTime(SECOND, 3), [event(1, 10)], [event(3, 20)]);
  const newest = (await store.read(3))!;
  await store.remove();
  const copy = await memoryStoreLocation().log("a");
  const whole = await logOf(clusterTime(SECOND, 3), [event(1, 10)], [event(3, 20)]);
  for (const number of [1, 2]) await copy.append((await whole.read(number))!);
  await copy.append({ ...newest, payload: Buffer.from(newest.payload.map((byte, at) => (at === 9 ? byte ^ 1 : byte))) });
  await expect(resolved("now", copy)).rejects.toThrow(
    expect.objectContaining({ code: "DAMAGED", message: expect.stringContaining("Segment 3") }),
  );
  expect(formatClusterTime(await resolved(`${SECOND},1`, copy))).toBe(`${SECOND},1`);
});

test("now is the end of what is covered", async () => {
  const store = await logOf(clusterTime(SECOND + 7, 0), [event(1, 100)]);
  expect(await resolved("now", store)).toBe(clusterTime(SECOND + 7, 0));
});

test("a range between two tokens is exact inside a transaction", async () => {
  const events = [event(1, 0), ...["01", "02", "03"].map((place) => event(5, 300, { place })), event(6, 400)];
  const store = await logOf(clusterTime(SECOND, 6), events.slice(0, 3), events.slice(3));
  const tokensOf = async (from: Event | undefined, to: Event | undefined) => {
    const ends = { ...(from && { from: parseTime(from.token) }), ...(to && { to: parseTime(to.token) }) };
    const tokens: string[] = [];
    for await (const { bytes } of readRange(store, await resolveRange(ends, store, await readCoverage(store))))
      tokens.push(tokenData(rawValue(bytes, "_id")!.bytes));
    return tokens;
  };
  for (const [from] of events.entries())
    for (const [to] of events.entries())
      if (to >= from) expect(await tokensOf(events[from], events[to])).toEqual(events.slice(from + 1, to + 1).map(({ token }) => token));
  expect(await tokensOf(undefined, events[2])).toHaveLength(3);
  expect(await tokensOf(events[2], undefined)).toHaveLength(2);
});

test("a range that ends before it begins is refused", async () => {
  const store = await logOf(clusterTime(SECOND, 1), [event(1, 100)]);
  const ends = { from: parseTime(`${SECOND},5`), to: parseTime(`${SECOND},4`) };
  await expect(resolveRange(ends, store, await readCoverage(store))).rejects.toThrow(expect.objectContaining({ code: "BAD_INPUT" }));
});

test("a range that begins before the log, or ends after it, is not covered; one without ends is what there is", async () => {
  const store = await logOf(clusterTime(SECOND, 6), [event(6, 100)]);
  const coverage = await readCoverage(store);
  const check = (from?: ClusterTime, to?: ClusterTime) => () => checkRangeCovered({ after: from, to }, coverage);
  const begin = clusterTime(SECOND - 1, 1);
  for (const covered of [check(), check(begin), check(begin, clusterTime(SECOND, 6)), check(undefined, clusterTime(SECOND, 1))])
    expect(covered).not.toThrow();
  for (const hole of [
    check(begin - 1n),
    check(undefined, clusterTime(SECOND, 7)),
    check(undefined, begin - 1n),
    check(clusterTime(SECOND, 7)),
  ])
    expect(hole).toThrow(expect.objectContaining({ code: "OUTSIDE_COVERAGE" }));
});

test("a date of a whole second is that second's begin", async () => {
  const store = await logOf(clusterTime(SECOND + 1, 1), [event(1, 0), event(2, 10)], [event(1, 0, { second: SECOND + 1 })]);
  expect(await resolved(iso(0), store)).toBe(clusterTime(SECOND, 1));
  expect(dateOf(await resolved(iso(0, SECOND - 100), store))).toEqual(new Date((SECOND - 100) * 1000));
});
