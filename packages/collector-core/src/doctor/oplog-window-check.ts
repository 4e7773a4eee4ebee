import { secondsOf } from "../cluster-time.js";
import { oplogCapacitySeconds } from "../headroom.js";
import type { OplogWindow } from "../source/source.js";
import { type DoctorCheck, passed, warned } from "./check.js";

const HOUR = 3_600;

/** A collector that stands still over a night must not lose history. */
const SHORT_SECONDS = 24 * HOUR;

/** From a shorter time the rate of writes can't be told. */
const YOUNG_SECONDS = 600;

const MIB = 1024 * 1024;
const CHECK = "oplog is long enough";

/** How far back the oplog reaches, and what a day would take. */
export function checkOplogWindow(window: OplogWindow): DoctorCheck {
  if ("unknown" in window) return warned(CHECK, `How far it reaches back is unknown: ${window.unknown}`);
  const { size } = window;
  const span = secondsOf(window.newest) - secondsOf(window.oldest);
  const used = size ? `, ${mib(size.bytes)} of ${mib(size.maxBytes)} MiB used` : "";
  if (span < YOUNG_SECONDS && size && size.bytes < size.maxBytes)
    return passed(CHECK, `it began ${span} s ago${used}: how long it lasts can't be told yet`);
  const capacity = oplogCapacitySeconds(window);
  const reaches = `it reaches back ${hours(span)}${used}; at this rate of writes it holds ${hours(capacity)}`;
  if (capacity >= SHORT_SECONDS) return passed(CHECK, reaches);
  const needed = size && Math.ceil((size.maxBytes / MIB) * (SHORT_SECONDS / capacity));
  return warned(
    CHECK,
    `${reaches}: a collector that stands still for longer loses history`,
    `Make it longer, on each member: db.adminCommand({ replSetResizeOplog: 1, ${needed ? `size: ${needed}, ` : ""}minRetentionHours: 24 }).`,
  );
}

const mib = (bytes: number): number => Math.round(bytes / MIB);

const hours = (seconds: number): string => (seconds < HOUR ? `${Math.round(seconds / 60)} min` : `${(seconds / HOUR).toFixed(1)} h`);
