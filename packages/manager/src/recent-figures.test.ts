import { expect, test } from "vitest";
import { RecentMemory } from "./recent-figures.js";

test("keeps one sample in ten seconds, and ten minutes of them", () => {
  const memory = new RecentMemory();
  for (let second = 0; second < 3600; second++) memory.note({ id: "a", eventsPerSecond: second, lagMs: null }, second * 1000);
  const [figures] = memory.list();
  expect(figures).toMatchObject({ cluster: "a", lagMs: Array(60).fill(null) });
  expect(figures!.at).toHaveLength(60);
  expect(figures!.eventsPerSecond.slice(-2)).toEqual([3580, 3590]);
});

test("forgets a cluster that is removed", () => {
  const memory = new RecentMemory();
  memory.note({ id: "a", eventsPerSecond: 1, lagMs: 2 });
  memory.drop("a");
  expect(memory.list()).toEqual([]);
});
