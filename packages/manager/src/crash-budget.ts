/** Crashes within this time count together. */
export const CRASH_WINDOW_MS = 10 * 60_000;

/** The first few may be the machine's; after that it is the collector's own, and starting again only hides it. */
export const MAX_CRASHES = 5;

const BASE_MS = 500;
const CAP_MS = 30_000;

/** How long to wait before a crashed collector is started again; null when it has crashed too often. */
export function restartDelayMs(crashes: readonly number[], now: number): number | null {
  const recent = crashes.filter((at) => now - at < CRASH_WINDOW_MS).length;
  return recent > MAX_CRASHES ? null : Math.min(CAP_MS, BASE_MS * 2 ** Math.max(0, recent - 1));
}

/** The crashes of one cluster's collector on this node. A new wish of the operator begins a new budget. */
export class CrashHistory {
  private crashes: number[] = [];
  private restartAt = 0;

  constructor(readonly generation: number) {}

  get count(): number {
    return this.crashes.length;
  }

  /** Notes a crash; returns the pause before the next start, or null when there is to be none. */
  note(now: number): number | null {
    this.crashes = [...this.crashes.filter((at) => now - at < CRASH_WINDOW_MS), now];
    const delay = restartDelayMs(this.crashes, now);
    if (delay !== null) this.restartAt = now + delay;
    return delay;
  }

  restartInMs(now: number): number {
    return Math.max(0, this.restartAt - now);
  }
}
