import { expect, test } from "vitest";
import { clusterTime } from "./cluster-time.js";
import { positionOfToken, tokenFromData } from "./position.js";
import { checkStart, parseStartPoint } from "./start-point.js";

const window = { oldest: clusterTime(1_000, 5), newest: clusterTime(2_000, 1) };
const time = (t: number, i: number) => ({ kind: "time", after: clusterTime(t, i) }) as const;
const begin = (start: Parameters<typeof checkStart>[0]) => () => checkStart(start, window.newest, window);

test("a log may begin anywhere in the oplog, and a clock's error beyond its end", () => {
  for (const start of [time(1_000, 4), time(1_500, 0), time(2_060, 0), { kind: "now" } as const, { kind: "oldest" } as const])
    expect(begin(start)).not.toThrow();
});

test("a log can't begin before the oplog, which a server with a young oplog would not refuse", () => {
  expect(begin(time(1_000, 3))).toThrow(expect.objectContaining({ code: "HISTORY_LOST" }));
  expect(() => checkStart(time(1_000, 3), window.newest, { unknown: "no privilege" })).not.toThrow();
});

test("a log can't begin in the future, by time or by token", () => {
  const token = positionOfToken(tokenFromData("8270000000000000012B0229296E04"));
  expect(begin(time(2_061, 0))).toThrow(expect.objectContaining({ code: "BAD_INPUT" }));
  expect(begin({ kind: "after", position: token, coveredTo: 0n })).toThrow(expect.objectContaining({ code: "BAD_INPUT" }));
});

test.each<[string, ReturnType<typeof parseStartPoint>]>([
  ["now", { kind: "now" }],
  ["oldest", { kind: "oldest" }],
  ["1000,7", time(1_000, 7)],
  ["1970-01-01T00:16:40.900Z", time(1_000, 0)],
])("a log that is to begin at %s", (text, start) => {
  expect(parseStartPoint(text)).toEqual(start);
});

test("a log that begins at a token does not claim the token's own cluster time", () => {
  const data = "8270000000000000012B0229296E04";
  const position = positionOfToken(tokenFromData(data));
  expect(parseStartPoint(data)).toEqual({ kind: "after", position, coveredTo: position.clusterTime - 1n });
  expect(() => parseStartPoint("yesterday")).toThrow(expect.objectContaining({ code: "BAD_INPUT" }));
});
