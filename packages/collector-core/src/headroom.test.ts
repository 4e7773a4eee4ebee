import { expect, test } from "vitest";
import { clusterTime } from "./cluster-time.js";
import { headroomMs } from "./headroom.js";

const HOUR = 3_600;
const at = (seconds: number) => clusterTime(1_000_000 + seconds, 1);
const full = { oldest: at(0), newest: at(24 * HOUR), size: { bytes: 1_000, maxBytes: 1_000 } };

test("in a full oplog the position has what lies before it", () => {
  expect(headroomMs(full, at(24 * HOUR)).headroomMs).toBe(24 * HOUR * 1000);
  expect(headroomMs(full, at(6 * HOUR)).headroomMs).toBe(6 * HOUR * 1000);
  // The server cuts at checkpoints only, so an oplog may hold more than its size.
  expect(headroomMs({ ...full, size: { bytes: 1_200, maxBytes: 1_000 } }, at(6 * HOUR)).headroomMs).toBe(6 * HOUR * 1000);
});

test("an oplog that is not full yet has its empty part as well", () => {
  const quarter = { ...full, size: { bytes: 250, maxBytes: 1_000 } };
  expect(headroomMs(quarter, at(24 * HOUR)).headroomMs).toBe(96 * HOUR * 1000);
  expect(headroomMs(quarter, at(6 * HOUR)).headroomMs).toBe((96 - 18) * HOUR * 1000);
});

test("a source that has just begun has headroom", () => {
  const young = { oldest: at(0), newest: at(0), size: { bytes: 1_000, maxBytes: 10_000_000 } };
  expect(headroomMs(young, at(0)).headroomMs).toBe(10_000 * 1000);
});

test("a position that the oplog no longer holds has none", () => {
  expect(headroomMs({ ...full, size: { bytes: 250, maxBytes: 1_000 } }, at(-1)).headroomMs).toBe(0);
});

test("without its size only the oplog's age counts, without its age nothing is known", () => {
  expect(headroomMs({ oldest: at(0), newest: at(HOUR) }, at(HOUR)).headroomMs).toBe(HOUR * 1000);
  expect(headroomMs({ unknown: "no privilege" }, at(0))).toEqual({ headroomMs: null, headroomUnknown: "no privilege" });
});
