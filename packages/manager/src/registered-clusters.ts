import type { Cluster, ClusterStatus } from "./cluster.js";
import { type ClusterView, viewOf } from "./cluster-view.js";
import type { ManagerEvent } from "./manager-api.js";
import { shownState } from "./shown-state.js";
import type { Look } from "./supervisor.js";

/** Where no collector says what the lag is, it grows by itself: such a view is good for this long. */
const GROWING_LAG_MS = 1_000;

/** A view as it was told last. */
interface Shown {
  /** What it was made of. */
  mark: string;
  view: ClusterView;
  madeAt: number;
  lagGrows: boolean;
}

/** What this node knows of all clusters: from its last look at the metadata database, and newer, from its own collectors. Tells who asks of changes. */
export class RegisteredClusters {
  private clusters = new Map<string, Cluster>();
  private owners: ReadonlyMap<string, string> = new Map();
  /** Made anew only when something of it changes: lists are asked for far more often. */
  private readonly shown = new Map<string, Shown>();
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

  /** The same object as long as nothing of it changes. */
  view(cluster: Cluster): ClusterView {
    const shown = this.shown.get(cluster.id);
    if (!shown || cluster !== this.clusters.get(cluster.id)) return viewOf(cluster, this.ownerOf(cluster.id));
    const now = Date.now();
    if (!shown.lagGrows || now - shown.madeAt < GROWING_LAG_MS) return shown.view;
    shown.view = viewOf(cluster, this.ownerOf(cluster.id), now);
    shown.madeAt = now;
    return shown.view;
  }

  /** What was read just now, with what this node's own collector has said since the last that was written. */
  newest(read: Cluster): Cluster {
    return newerOf(this.clusters.get(read.id), read);
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
    this.shown.delete(id);
    this.tell({ kind: "cluster-removed", id });
  }

  private tellCluster(cluster: Cluster): void {
    const { id, generation, status, updatedAt, task, log } = cluster;
    const owner = this.ownerOf(id);
    const { state, error, live } = shownState(cluster, owner);
    const mark = [generation, +status.at, +updatedAt, task?.kind, task?.generation, log?.at, state, owner, error?.message].join(" ");
    if (this.shown.get(id)?.mark === mark) return;
    const madeAt = Date.now();
    const view = viewOf(cluster, owner, madeAt);
    this.shown.set(id, { mark, view, madeAt, lagGrows: !live || status.report?.lagMs == null });
    this.tell({ kind: "cluster", cluster: view });
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
