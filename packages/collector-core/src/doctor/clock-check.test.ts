import { expect, test } from "vitest";
import { checkClock } from "./clock-check.js";

const OUR_TIME = 1_795_356_656_000;
const answer = (serverTime: number, clusterSeconds = Math.floor(serverTime / 1000)) => ({
  askedAt: OUR_TIME,
  answeredAt: OUR_TIME + 500,
  serverTime,
  clusterSeconds,
});

test("a source's clock within the time that its answer took agrees with ours", () => {
  for (const time of [OUR_TIME, OUR_TIME + 500, OUR_TIME + 1_500, OUR_TIME - 1_500]) expect(checkClock(answer(time)).ok).toBe(true);
});

test("a source's clock that is wrong by more is told, with its direction", () => {
  expect(checkClock(answer(OUR_TIME + 60_500))).toMatchObject({ ok: "warning", detail: expect.stringContaining("60 s ahead of ours") });
  expect(checkClock(answer(OUR_TIME - 7_200_000))).toMatchObject({ ok: "warning", detail: expect.stringContaining("7200 s behind ours") });
});

test("a source whose clock was set back is told: its cluster time stays ahead", () => {
  const { ok, detail } = checkClock(answer(OUR_TIME, OUR_TIME / 1000 + 3_600));
  expect(ok).toBe("warning");
  expect(detail).toContain("3600 s ahead of its own clock");
});
