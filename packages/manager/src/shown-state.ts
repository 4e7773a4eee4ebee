import type { CollectorState, StatusError } from "@oplog-collector/collector-core";
import { type Cluster, HALTED } from "./cluster.js";

/** States in which somebody has to be at work for them to be true. */
const ACTIVE: readonly CollectorState[] = ["starting", "running", "stopping", "retrying_connection", "resetting_oplog_store"];

export interface ShownState {
  state: CollectorState;
  error: StatusError | null;
  /** Somebody is at work: pid, rates and the like are of now. */
  live: boolean;
}

/**
 * What is true of a cluster at the moment, from what is wished and what its owner last said: a wish that nobody has acted on yet shows at once, and
 * a word of a node that is gone does not count any more.
 */
export function shownState(
  cluster: Pick<Cluster, "desired" | "generation" | "task" | "status" | "locked">,
  owner: string | null,
): ShownState {
  const { status, desired, generation, task, locked } = cluster;
  const live = ACTIVE.includes(status.state) && owner !== null && owner === status.node;
  if (locked) return { state: "error", error: locked, live: false };
  // An error of the task itself (the store does not answer) is said under the task's own generation.
  if (task) {
    const error = status.generation >= task.generation ? status.error : null;
    return { state: task.kind === "reset" ? "resetting_oplog_store" : "stopping", error, live };
  }
  if (desired === "stopped") return live ? { state: "stopping", error: status.error, live } : { state: "stopped", error: null, live };
  if (status.generation < generation) return { state: live && status.state === "stopping" ? "stopping" : "starting", error: null, live };
  if (HALTED.includes(status.state)) return { state: status.state, error: status.error, live: false };
  if (live) return { state: status.state, error: status.error, live };
  const gone = ACTIVE.includes(status.state) && owner === null && status.node !== null;
  return { state: "starting", error: gone ? nodeLost(status.node!) : null, live };
}

const nodeLost = (node: string): StatusError => ({
  code: "NODE_LOST",
  message: `The server ${node}, which ran the collector, does not answer any more`,
  hint: "Another server takes it over by itself; start one if there is none.",
});
