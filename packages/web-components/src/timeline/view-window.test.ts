import { expect, test } from "vitest";
import { ticksOf } from "./ticks.js";
import { pan, revealing, within, zoom } from "./view-window.js";

const bounds = { from: 0, to: 100_000 };

test("zooming keeps the moment where it is, and stays within the bounds", () => {
  expect(zoom({ from: 20_000, to: 60_000 }, 0.5, 30_000, bounds)).toEqual({ from: 25_000, to: 45_000 });
  expect(zoom({ from: 20_000, to: 60_000 }, 100, 30_000, bounds)).toEqual(bounds);
  const closest = zoom({ from: 20_000, to: 60_000 }, 1e-9, 30_000, bounds);
  expect(closest.to - closest.from).toBe(2_000);
});

test("panning ends at the bounds", () => {
  expect(pan({ from: 20_000, to: 40_000 }, 1e9, bounds)).toEqual({ from: 80_000, to: 100_000 });
  expect(within({ from: -50_000, to: 500_000 }, bounds)).toEqual(bounds);
  expect(revealing({ from: 20_000, to: 40_000 }, 50_000, bounds)).toEqual({ from: 30_000, to: 50_000 });
});

test("ticks are round moments, no more than fit", () => {
  const hour = Date.parse("2026-11-22T12:00:00Z");
  expect(ticksOf(hour - 1, hour + 3_600_000, 7).map(({ label }) => label)).toEqual([
    "12:00",
    "12:10",
    "12:20",
    "12:30",
    "12:40",
    "12:50",
    "13:00",
  ]);
  expect(ticksOf(hour, hour + 10_000, 5).map(({ label }) => label)).toEqual(
    ["12:00:00", "12:00:02", "12:00:04", "12:00:06", "12:00:08", "12:00:10"].slice(0, 6),
  );
});
