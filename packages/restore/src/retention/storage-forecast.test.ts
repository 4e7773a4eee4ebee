import { clusterTime } from "@oplog-collector/collector-core";
import { expect, test } from "vitest";
import { storageForecast } from "./storage-forecast.js";

const at = (second: number) => ({ token: null, clusterTime: clusterTime(1_700_000_000 + second, 1), wallTime: null });
const timeline = (from: number, to: number) => ({ from: at(from), to: at(to), firstSegment: 1, lastSegment: 1, source: null });

test("the rate is that of the time covered, not of the gaps between", () => {
  const timelines = [timeline(0, 3_600), timeline(86_400, 86_400 + 3_600)];
  expect(storageForecast({ timelines, storedBytes: 2_000 })).toEqual({ storedBytesPerDay: 24_000, storedBytesIn30Days: 722_000 });
});

test("nothing is said of a log that has only begun", () => {
  expect(storageForecast({ timelines: [timeline(0, 59)], storedBytes: 2_000 })).toBeNull();
  expect(storageForecast({ timelines: [], storedBytes: 0 })).toBeNull();
});
