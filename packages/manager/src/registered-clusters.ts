import type { Cluster, ClusterStatus } from "./cluster.js";
import { type ClusterView, viewOf } from "./cluster-view.js";
import type { ManagerEvent } from "./manager-api.js";
import { shownState } from "./shown-state.js";
import type { Look } from "./supervisor.js";

/** What this node knows of all clusters: from its last look at the metadata database, and newer, from its own collectors. Tells who asks of changes. */
export class RegisteredClusters {
  private clusters = new Map<string, Cluster>();
  private owners: ReadonlyMap<string, string> = new Map();
  /** What of it was told last. */
  private readonly told = new Map<string, string>();
  private readonly listeners = new Set<(event: ManagerEvent) => void>();

  subscribe(listener: (event: ManagerEvent) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  tell(event: ManagerEvent): void {
    for (const listener of this.listeners) listener(event);
  }

  list(): ClusterView[] {
    return [...this.clusters.values()].map((cluster) => this.view(cluster)).sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  find(idOrName: string): Cluster | undefined {
    return this.clusters.get(idOrName) ?? [...this.clusters.values()].find(({ name }) => name === idOrName);
  }

  ownerOf(id: string): string | null {
    return this.owners.get(id) ?? null;
  }

  view(cluster: Cluster): ClusterView {
    return viewOf(cluster, this.ownerOf(cluster.id));
  }

  /** Returns them with the newest words of this node's own collectors. */
  looked({ clusters, owners }: Look): Cluster[] {
    const before = this.clusters;
    this.owners = owners;
    this.clusters = new Map(clusters.map((cluster) => [cluster.id, newerOf(before.get(cluster.id), cluster)]));
    for (const cluster of this.clusters.values()) this.tellCluster(cluster);
    for (const id of before.keys()) if (!this.clusters.has(id)) this.tellRemoved(id);
    return [...this.clusters.values()];
  }

  /** It was de-registered. */
  drop(id: string): void {
    if (this.clusters.delete(id)) this.tellRemoved(id);
  }

  /** After a wish of the operator: shows at once. */
  put(cluster: Cluster): ClusterView {
    const put = newerOf(this.clusters.get(cluster.id), cluster);
    this.clusters.set(put.id, put);
    this.tellCluster(put);
    return this.view(put);
  }

  /** What a collector on this node reports. */
  report(id: string, status: ClusterStatus): void {
    const cluster = this.clusters.get(id);
    if (!cluster || status.fence < cluster.status.fence) return;
    // It is ours: the look that says so may not have come yet.
    if (status.node !== null && this.owners.get(id) !== status.node) this.owners = new Map([...this.owners, [id, status.node]]);
    this.clusters.set(id, { ...cluster, status });
    this.tellCluster(this.clusters.get(id)!);
  }

  private tellRemoved(id: string): void {
    this.told.delete(id);
    this.tell({ kind: "cluster-removed", id });
  }

  private tellCluster(cluster: Cluster): void {
    const { generation, status, updatedAt, task, log } = cluster;
    const owner = this.ownerOf(cluster.id);
    const { state, error } = shownState(cluster, owner);
    const mark = [generation, +status.at, +updatedAt, task?.kind, task?.generation, log?.at, state, owner, error?.message].join(" ");
    if (this.told.get(cluster.id) === mark) return;
    this.told.set(cluster.id, mark);
    if (this.listeners.size > 0) this.tell({ kind: "cluster", cluster: viewOf(cluster, owner) });
  }
}

/** The wish with the higher generation, the word with the higher fence: each of the two comes by two ways. */
function newerOf(known: Cluster | undefined, read: Cluster): Cluster {
  if (!known) return read;
  const newer = read.generation >= known.generation ? read : known;
  const [a, b] = [known.status, read.status];
  const status = a.fence > b.fence || (a.fence === b.fence && a.at > b.at) ? a : b;
  return { ...newer, status };
}
