import { expect, test } from "vitest";
import type { Coverage } from "../api/answers.js";
import { standingOf } from "./standing.js";

const at = (seconds: number) => ({ clusterTime: `${seconds},1`, wallTime: new Date(seconds * 1000).toISOString(), token: null });
const coverage = {
  timelines: [
    { from: at(100), to: at(200) },
    { from: at(300), to: at(400) },
  ],
  gaps: [{ from: at(200), to: at(300), cause: "history lost", detectedAt: "" }],
  snapshots: [{ id: "a", takenFrom: "110,1", restorableFrom: "120,1" }],
  ...{ events: 0, bytes: 0, storedBytes: 0 },
} as unknown as Coverage;

test.each([
  [50, "outside"],
  [110, "no-snapshot"],
  [121, "restorable"],
  [200, "restorable"],
  [250, "gap"],
  // A base snapshot is of no use beyond the gap after it.
  [350, "no-snapshot"],
  [450, "outside"],
])("the moment at %d s is %s", (seconds, kind) => {
  expect(standingOf(seconds * 1000, coverage, null).kind).toBe(kind);
});

test("what was covered since the coverage was read counts", () => {
  expect(standingOf(450_000, coverage, "500,1").kind).toBe("no-snapshot");
});
