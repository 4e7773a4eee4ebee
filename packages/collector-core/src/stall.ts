import { type ClusterTime, secondsOf } from "./cluster-time.js";

/** An idle source's own no-op moves our position every 10 s, so a minute behind without any movement is a stream that has died without a word. */
export const STALL_SECONDS = 60;

/** What is compared at two looks, one interval apart. */
export interface StallLook {
  /** The source's newest cluster time. */
  newest: ClusterTime;
  /** Ours. */
  position: ClusterTime;
}

/** True when the source went on and we did not. */
export const isStalled = (before: StallLook, now: StallLook): boolean =>
  now.position === before.position && now.newest > before.newest && secondsOf(now.newest) - secondsOf(now.position) > STALL_SECONDS;
