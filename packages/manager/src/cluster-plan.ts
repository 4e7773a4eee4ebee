import { type Cluster, HALTED, type Task } from "./cluster.js";

/** What a node sees of one cluster at one look. */
export interface ClusterSight {
  cluster: Pick<Cluster, "desired" | "generation" | "task" | "status" | "locked">;
  /** Which node has the lease at the moment. */
  owner: string | null;
  self: string;
  /** Of our own collector for it: the generation it was started for; null when there is none. */
  running: { generation: number; stopping: boolean } | null;
  /** We have as many clusters as our share. */
  atShare: boolean;
  /** How long, by our clock, the lease has been free. */
  freeForMs: number;
  /** Not before this may it be started again, after a crash. */
  restartInMs: number;
}

export type ClusterAction =
  | { do: "nothing" }
  | { do: "acquire" }
  | { do: "start" }
  | { do: "stop" }
  | { do: "task"; task: Task }
  | { do: "release" };

/** Another node with room has had its chance by then. */
export const FREE_LEASE_PATIENCE_MS = 3_000;

/** True while the collector should run: wished for, possible, and not ended in an error since. */
export const shouldRun = ({ desired, generation, status, locked }: ClusterSight["cluster"]): boolean =>
  desired === "running" && !locked && !(status.generation === generation && HALTED.includes(status.state));

/** The next step towards what is wished: one a look. */
export function planCluster(sight: ClusterSight): ClusterAction {
  const { cluster, running, owner, self } = sight;
  const wanted = shouldRun(cluster);
  if (running) {
    if (running.stopping) return { do: "nothing" };
    // A newer wish, also new settings: stop, and start again if it is still to run.
    return wanted && cluster.task === null && running.generation === cluster.generation ? { do: "nothing" } : { do: "stop" };
  }
  if (!wanted && cluster.task === null) return owner === self ? { do: "release" } : { do: "nothing" };
  if (owner !== null && owner !== self) return { do: "nothing" };
  if (owner === null) return sight.atShare && sight.freeForMs < FREE_LEASE_PATIENCE_MS ? { do: "nothing" } : { do: "acquire" };
  if (sight.restartInMs > 0) return { do: "nothing" };
  return cluster.task ? { do: "task", task: cluster.task } : { do: "start" };
}
