import type { Cluster } from "../api/answers.js";
import { needsAttention, wordsOf } from "../format/state-words.js";

export type ClusterKey = "name" | "state" | "lag" | "headroom" | "rate" | "stored" | "last";

export interface ClusterOrder {
  key: ClusterKey;
  descending: boolean;
}

/** Which clusters are shown: `attention` are those that somebody should look at. */
export type ClusterShow = "all" | "attention" | "running" | "stopped";

const TONES = ["danger", "warn", "muted", "ok"] as const;

const VALUES: Record<ClusterKey, (cluster: Cluster) => string | number | null> = {
  name: ({ name }) => name.toLowerCase(),
  state: (cluster) => TONES.indexOf(wordsOf(cluster.state).tone),
  lag: ({ lagMs }) => lagMs,
  headroom: ({ headroomMs }) => headroomMs,
  rate: ({ eventsPerSecond }) => eventsPerSecond,
  stored: ({ storedBytes }) => storedBytes,
  last: ({ lastEventAt }) => lastEventAt,
};

/** Those that are shown, in order; what is not known comes last, whichever way. */
export function arrange(clusters: Iterable<Cluster>, { key, descending }: ClusterOrder, show: ClusterShow, search: string): Cluster[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const found = [...clusters].filter((cluster) => isShown(cluster, show) && words.every((word) => textOf(cluster).includes(word)));
  const value = VALUES[key];
  const sign = descending ? -1 : 1;
  return found.sort((a, b) => {
    const [left, right] = [value(a), value(b)];
    if (left === right) return a.name.localeCompare(b.name);
    if (left === null) return 1;
    if (right === null) return -1;
    return (left < right ? -1 : 1) * sign;
  });
}

function isShown(cluster: Cluster, show: ClusterShow): boolean {
  if (show === "attention") return needsAttention(cluster);
  return show === "all" || cluster.desired === show;
}

const textOf = (cluster: Cluster): string =>
  `${cluster.name} ${cluster.connectionString} ${cluster.storeUri} ${cluster.database ?? ""} ${wordsOf(cluster.state).words}`.toLowerCase();
