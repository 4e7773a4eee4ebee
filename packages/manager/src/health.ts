import type { ClusterStatus } from "./cluster.js";
import type { ClusterView } from "./cluster-view.js";

export const isHealthy = ({ state }: Pick<ClusterStatus, "state">): boolean => state === "running";

/** Why a cluster that should run is not well; null when it is, or need not be. */
export function unhealthyBecause({ name, desired, state, error, lagMs, lagWarning }: ClusterView): string | null {
  if (desired !== "running") return null;
  if (!isHealthy({ state })) return `${name}: ${state}${error ? ` (${error.message})` : ""}`;
  if (!lagWarning) return null;
  return lagMs === null ? `${name}: nothing is covered yet` : `${name}: ${Math.round(lagMs / 1000)} s behind`;
}
