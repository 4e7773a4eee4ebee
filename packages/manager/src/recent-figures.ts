import type { ClusterView } from "./cluster-view.js";

/** A line of a few centimetres shows no more, and covers ten minutes. */
const SAMPLE_EVERY_MS = 10_000;
const SAMPLES = 60;

/** One cluster's rate and lag of the last minutes, as columns of the same length. */
export interface RecentFigures {
  cluster: string;
  /** Milliseconds since 1970. */
  at: number[];
  eventsPerSecond: (number | null)[];
  lagMs: (number | null)[];
}

/** Remembers rates and lags for a while, so that whoever comes to look sees more than this moment. Only since this process runs. */
export class RecentMemory {
  private readonly clusters = new Map<string, RecentFigures>();

  note({ id, eventsPerSecond, lagMs }: Pick<ClusterView, "id" | "eventsPerSecond" | "lagMs">, now = Date.now()): void {
    const known = this.clusters.get(id) ?? { cluster: id, at: [], eventsPerSecond: [], lagMs: [] };
    this.clusters.set(id, known);
    const last = known.at.at(-1);
    if (last !== undefined && now - last < SAMPLE_EVERY_MS) return;
    known.at.push(now);
    known.eventsPerSecond.push(eventsPerSecond);
    known.lagMs.push(lagMs);
    if (known.at.length > SAMPLES) for (const column of [known.at, known.eventsPerSecond, known.lagMs]) column.shift();
  }

  drop(id: string): void {
    this.clusters.delete(id);
  }

  list(): RecentFigures[] {
    return [...this.clusters.values()];
  }
}
