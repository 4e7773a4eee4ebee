import type { CollectorState } from "@oplog-collector/collector-core";
import { describe, expect, test } from "vitest";
import type { ClusterStatus } from "./cluster.js";
import { type ClusterSight, planCluster } from "./cluster-plan.js";
import { restartDelayMs } from "./crash-budget.js";
import { shownState } from "./shown-state.js";

const status = (state: CollectorState, generation = 1, node: string | null = "us"): ClusterStatus => ({
  ...{ state, generation, fence: 1, pid: 1, node, report: null, error: null, restarts: 0 },
  ...{ eventsPerSecond: null, bytesPerSecond: null, at: new Date(0) },
});

const cluster: ClusterSight["cluster"] = { desired: "running", generation: 1, task: null, status: status("stopped", 0), locked: null };
const reset = { kind: "reset" as const, generation: 2 };
const sight = (change: Partial<Omit<ClusterSight, "cluster">> & { cluster?: Partial<ClusterSight["cluster"]> } = {}): ClusterSight => ({
  ...{ owner: null, self: "us", running: null, atShare: false, freeForMs: 0, restartInMs: 0 },
  ...change,
  cluster: { ...cluster, ...change.cluster },
});

const running = { generation: 1, stopping: false };
const mine = { owner: "us" };

describe("the next step", () => {
  test.each<[string, Parameters<typeof sight>[0], string]>([
    ["takes a free cluster", {}, "acquire"],
    ["leaves a free cluster to a node with room", { atShare: true }, "nothing"],
    ["takes it all the same when nobody did", { atShare: true, freeForMs: 3_000 }, "acquire"],
    ["leaves another's cluster alone", { owner: "other" }, "nothing"],
    ["starts what it owns", mine, "start"],
    ["waits after a crash", { ...mine, restartInMs: 1 }, "nothing"],
    ["lets what runs run", { ...mine, running }, "nothing"],
    ["stops what is not wished for any more", { ...mine, running, cluster: { desired: "stopped", generation: 2 } }, "stop"],
    ["stops for a newer wish, such as new settings", { ...mine, running, cluster: { generation: 2 } }, "stop"],
    ["stops for a task", { ...mine, running, cluster: { task: reset, generation: 2 } }, "stop"],
    ["waits for what is stopping", { ...mine, running: { generation: 1, stopping: true }, cluster: { task: reset } }, "nothing"],
    ["does a task once nothing runs", { ...mine, cluster: { task: reset, generation: 2 } }, "task"],
    [
      "does a task of a cluster that is to be stopped as well",
      { ...mine, cluster: { task: reset, generation: 3, desired: "stopped" } },
      "task",
    ],
    ["takes a stopped cluster for its task", { cluster: { task: reset, desired: "stopped" } }, "acquire"],
    ["gives back what is stopped", { ...mine, cluster: { desired: "stopped" } }, "release"],
    ["gives back what can't go on", { ...mine, cluster: { status: status("error_resume_token_lost") } }, "release"],
    ["does not start again what can't go on", { cluster: { status: status("error") } }, "nothing"],
    ["starts it for a newer wish", { ...mine, cluster: { status: status("error"), generation: 2 } }, "start"],
    ["does not start without the secrets", { cluster: { locked: { code: "BAD_INPUT", message: "" } } }, "nothing"],
  ])("%s", (_, change, action) => {
    expect(planCluster(sight(change)).do).toBe(action);
  });
});

describe("what is shown", () => {
  test.each<[string, Partial<ClusterSight["cluster"]>, string | null, CollectorState]>([
    ["the owner's word", { status: status("running") }, "us", "running"],
    ["no word of a node that is gone", { status: status("running") }, null, "starting"],
    ["no word of the owner before", { status: status("running", 1, "other") }, "us", "starting"],
    ["a start that nobody has acted on yet", { status: status("stopped", 1), generation: 2 }, null, "starting"],
    ["a stop that is under way", { desired: "stopped", generation: 2, status: status("running") }, "us", "stopping"],
    ["a stop whose node is gone", { desired: "stopped", generation: 2, status: status("running") }, null, "stopped"],
    ["a stop of what can't go on", { desired: "stopped", generation: 2, status: status("error") }, null, "stopped"],
    ["an end in error", { status: status("error_max_retries_reached") }, null, "error_max_retries_reached"],
    ["a reset that nobody has acted on yet", { task: reset, generation: 2, status: status("running") }, "us", "resetting_oplog_store"],
    ["a restart that has not stopped yet", { generation: 2, status: status("stopping") }, "us", "stopping"],
  ])("%s", (_, change, owner, state) => {
    expect(shownState({ ...cluster, ...change }, owner).state).toBe(state);
  });
});

test("a crash is followed by longer and longer pauses, and the sixth within ten minutes is the last", () => {
  const delays = [1, 2, 3, 4, 5, 6].map((crashes) => restartDelayMs(Array(crashes).fill(0), 1));
  expect(delays).toEqual([500, 1_000, 2_000, 4_000, 8_000, null]);
  expect(restartDelayMs([0, 0, 0, 0, 0, 600_001], 600_001)).toBe(500);
});
