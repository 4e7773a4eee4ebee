import { expect, test } from "vitest";
import { clusterTime } from "../cluster-time.js";
import { checkOplogWindow } from "./oplog-window-check.js";

const GIB = 1024 ** 3;
const window = (hours: number, bytes: number, maxBytes: number) => ({
  oldest: clusterTime(1_000_000, 1),
  newest: clusterTime(1_000_000 + hours * 3_600, 1),
  size: { bytes, maxBytes },
});

test("an oplog that holds a day or more is long enough", () => {
  expect(checkOplogWindow(window(24, GIB, GIB)).ok).toBe(true);
  // Half full after twelve hours.
  expect(checkOplogWindow(window(12, GIB / 2, GIB)).ok).toBe(true);
});

test("an oplog that holds less is told, with the size that a day needs", () => {
  const { ok, detail, hint } = checkOplogWindow(window(6, GIB, GIB));
  expect(ok).toBe("warning");
  expect(detail).toContain("6.0 h");
  expect(hint).toContain("size: 4096");
});

test("of an oplog that has just begun nothing is claimed", () => {
  const { ok, detail } = checkOplogWindow(window(0.05, GIB / 4, GIB));
  expect(ok).toBe(true);
  expect(detail).toContain("can't be told yet");
});

test("an oplog that may not be read is told", () => {
  expect(checkOplogWindow({ unknown: "no privilege" })).toMatchObject({ ok: "warning", detail: expect.stringContaining("no privilege") });
});
