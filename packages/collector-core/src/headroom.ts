import { type ClusterTime, secondsOf } from "./cluster-time.js";
import type { OplogWindow } from "./source/source.js";

/** How long, at the rate at which the oplog was written so far, until our position is the oldest that it holds. */
export const headroomMs = (window: OplogWindow, position: ClusterTime): { headroomMs: number | null; headroomUnknown: string | null } =>
  "unknown" in window
    ? { headroomMs: null, headroomUnknown: window.unknown }
    : { headroomMs: Math.max(0, secondsOf(position) - secondsOf(window.oldest)) * 1000, headroomUnknown: null };
