import type { RecentFigures } from "@oplog-collector/manager";
import type { Cluster } from "./answers.js";

export type { RecentFigures };

/** As the server keeps them: ten minutes, each ten seconds. */
const EVERY_MS = 10_000;
const SAMPLES = 60;

const NONE: RecentFigures = { cluster: "", at: [], eventsPerSecond: [], lagMs: [] };

/** Rates and lags of the last minutes: what the server remembers, and what came since. */
export class RecentSeries {
  private readonly clusters = new Map<string, RecentFigures>();

  /** What the server remembers; what this page saw later stays. */
  begin(figures: readonly RecentFigures[]): void {
    for (const remembered of figures) {
      const seen = this.of(remembered.cluster);
      const end = remembered.at.at(-1) ?? 0;
      const later = seen.at.findIndex((at) => at > end);
      const join = <T>(before: readonly T[], after: readonly T[]): T[] =>
        [...before, ...(later < 0 ? [] : after.slice(later))].slice(-SAMPLES);
      this.clusters.set(remembered.cluster, {
        cluster: remembered.cluster,
        at: join(remembered.at, seen.at),
        eventsPerSecond: join(remembered.eventsPerSecond, seen.eventsPerSecond),
        lagMs: join(remembered.lagMs, seen.lagMs),
      });
    }
  }

  note({ id, eventsPerSecond, lagMs }: Pick<Cluster, "id" | "eventsPerSecond" | "lagMs">, now = Date.now()): void {
    const known = this.of(id);
    const last = known.at.at(-1);
    if (last !== undefined && now - last < EVERY_MS) return;
    const push = <T>(column: readonly T[], value: T): T[] => [...column, value].slice(-SAMPLES);
    this.clusters.set(id, {
      cluster: id,
      at: push(known.at, now),
      eventsPerSecond: push(known.eventsPerSecond, eventsPerSecond),
      lagMs: push(known.lagMs, lagMs),
    });
  }

  drop(id: string): void {
    this.clusters.delete(id);
  }

  /** Columns of the same length; a new object when something was added. */
  of(id: string): RecentFigures {
    return this.clusters.get(id) ?? NONE;
  }
}
