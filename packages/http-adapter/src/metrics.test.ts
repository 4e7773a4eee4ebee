import type { CaptureReport } from "@oplog-collector/collector-core";
import type { ClusterView } from "@oplog-collector/manager";
import { expect, test } from "vitest";
import { Metrics, type MetricsSource } from "./metrics.js";

const finding = { what: "", namespaces: [], missing: false, why: null, whatToDo: null };
const REPORT: CaptureReport = {
  ...{ at: "2026-11-22T14:05:24.269Z", capture: "change-stream", because: null, complete: false, cut: null },
  findings: [
    { ...finding, kind: "atomic-apply-ops", carried: "not", missing: true, count: null },
    { ...finding, kind: "time-series", carried: "in base snapshots only", missing: true, count: 7 },
    { ...finding, kind: "not-replicated", carried: "not", count: 3 },
    { ...finding, kind: "views", carried: "exactly", count: 4 },
  ],
};

test("what is not carried is counted by its kind; what is not known, is carried, or is left out by design is not", async () => {
  const unknown = {
    lagMs: null,
    headroomMs: null,
    eventsPerSecond: null,
    bytesPerSecond: null,
    storedBytes: null,
    log: null,
    coveredTo: null,
  };
  const view = (name: string, captureReport: CaptureReport | null) => ({
    ...{ id: name, name, captureReport, state: "stopped", desired: "stopped", restarts: 0, ...unknown },
  });
  const clusters = [view("shop", REPORT), view("whole", { ...REPORT, complete: true, findings: [] }), view("new", null)];
  const source = {
    list: async () => clusters as unknown as ClusterView[],
    jobs: async () => [],
    ready: async () => ({ ready: true, reasons: [] }),
    stats: async () => [],
  } satisfies Partial<Record<keyof MetricsSource, unknown>>;
  const { body } = await new Metrics(source as unknown as MetricsSource).text(() => true);
  const series = body.split("\n").filter((line) => /^oplog_(uncarried|capture)/.test(line));
  expect(series).toEqual([
    'oplog_uncarried_namespaces{cluster="shop",kind="time-series"} 7',
    'oplog_capture_complete{cluster="shop"} 0',
    'oplog_capture_complete{cluster="whole"} 1',
  ]);
});
