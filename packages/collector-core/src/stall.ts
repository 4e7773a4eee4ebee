import { type ClusterTime, secondsOf } from "./cluster-time.js";

/** An idle source's own no-op moves our position every 10 s, so a minute behind without any movement is a stream that may have died without a word. */
export const STALL_MS = 60_000;

/** What one look sees. */
export interface StallLook {
  /** The source's newest cluster time. */
  newest: ClusterTime;
  /** Ours. */
  position: ClusterTime;
  /** Our clock, in milliseconds. */
  at: number;
}

/**
 * Tells a stream that has died without a word: the source went on and we did not, for longer than our patience. A stream of one database that
 * resumes far back is silent as well, while the server reads millions of other databases' entries to find the first of its own. It would never
 * get there if it were opened again each minute, so each time that did not help we wait twice as long.
 */
export class StallWatch {
  private patienceMs = STALL_MS;
  private moved: StallLook | null = null;

  /** True when the stream is to be opened again. */
  look(now: StallLook): boolean {
    const { moved } = this;
    if (!moved || now.position !== moved.position || secondsOf(now.newest) - secondsOf(now.position) <= STALL_MS / 1_000) {
      if (moved && now.position !== moved.position) this.patienceMs = STALL_MS;
      this.moved = now;
      return false;
    }
    if (now.at - moved.at < this.patienceMs) return false;
    this.patienceMs *= 2;
    this.moved = now;
    return true;
  }
}
