import { type ClusterTime, secondsOf } from "./cluster-time.js";
import type { OplogWindow } from "./source/source.js";

type KnownWindow = Exclude<OplogWindow, { unknown: string }>;

/**
 * For how many seconds of writes, at the rate so far, the oplog has room: the age of its oldest entry once it is full, and until then as much more
 * as there is room left.
 */
export function oplogCapacitySeconds({ oldest, newest, size }: KnownWindow): number {
  // A second at least: of an oplog that has just begun only the room is known.
  const span = Math.max(1, secondsOf(newest) - secondsOf(oldest));
  return size && size.bytes > 0 && size.bytes < size.maxBytes ? (span * size.maxBytes) / size.bytes : span;
}

/** How long, at the rate at which the oplog was written so far, until our position is the oldest that it holds. */
export function headroomMs(window: OplogWindow, position: ClusterTime): { headroomMs: number | null; headroomUnknown: string | null } {
  if ("unknown" in window) return { headroomMs: null, headroomUnknown: window.unknown };
  if (position < window.oldest) return { headroomMs: 0, headroomUnknown: null };
  const behind = secondsOf(window.newest) - secondsOf(position);
  return { headroomMs: Math.round(Math.max(0, oplogCapacitySeconds(window) - behind) * 1000), headroomUnknown: null };
}
