import type { Cluster } from "../api/answers.js";
import type { IconName } from "../icons.js";

export interface StateWords {
  words: string;
  icon: IconName;
  tone: "ok" | "warn" | "danger" | "muted";
  /** Somebody is at work on it. */
  turning?: boolean;
}

const STATES: Record<Cluster["state"], StateWords> = {
  starting: { words: "Starting", icon: "working", tone: "muted", turning: true },
  running: { words: "Running", icon: "running", tone: "ok" },
  stopping: { words: "Stopping", icon: "working", tone: "muted", turning: true },
  stopped: { words: "Stopped", icon: "stopped", tone: "muted" },
  retrying_connection: { words: "Retrying", icon: "retrying", tone: "warn" },
  error: { words: "Error", icon: "error", tone: "danger" },
  error_max_retries_reached: { words: "Gave up retrying", icon: "error", tone: "danger" },
  error_resume_token_lost: { words: "History lost", icon: "lost", tone: "danger" },
  error_stopped_unexpectedly: { words: "Crashed", icon: "error", tone: "danger" },
  resetting_oplog_store: { words: "Resetting", icon: "working", tone: "warn", turning: true },
};

/** A state that this page does not know yet is shown as it is called. */
export const wordsOf = (state: string): StateWords =>
  STATES[state as Cluster["state"]] ?? { words: state.replaceAll("_", " "), icon: "info", tone: "muted" };

/** Somebody should look at it. */
export const needsAttention = (cluster: Cluster): boolean => ["warn", "danger"].includes(wordsOf(cluster.state).tone) || cluster.lagWarning;

/** Below this a source's oplog may be gone before somebody has woken up. */
export const SHORT_HEADROOM_MS = 2 * 3_600_000;
