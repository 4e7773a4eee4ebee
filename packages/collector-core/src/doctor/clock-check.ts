import { type DoctorCheck, passed, warned } from "./check.js";

/** Below this nobody sees the difference in lag or times; clocks kept by NTP differ by milliseconds. */
const SKEW_WARNING_MS = 2_000;

/** A server's cluster time runs ahead of its clock only after that clock was set back: seconds at most otherwise. */
const AHEAD_WARNING_MS = 60_000;

const CHECK = "clocks agree";

export interface TimeAnswer {
  /** Our clock when the server was asked, and when it answered. */
  askedAt: number;
  answeredAt: number;
  /** The server's clock. */
  serverTime: number;
  /** The seconds of its cluster time. */
  clusterSeconds: number | undefined;
}

/** Compares clocks. Nothing is ordered by them, but lag is measured and times are typed by them. */
export function checkClock({ askedAt, answeredAt, serverTime, clusterSeconds }: TimeAnswer): DoctorCheck {
  const hint = "Let NTP (chrony, systemd-timesyncd) keep the clocks of both machines.";
  // The answer was given at some moment in between.
  const skew = serverTime > answeredAt ? serverTime - answeredAt : Math.min(0, serverTime - askedAt);
  const ahead = clusterSeconds === undefined ? 0 : clusterSeconds * 1000 - serverTime;
  if (Math.abs(skew) > SKEW_WARNING_MS)
    return warned(
      CHECK,
      `The source's clock is ${seconds(Math.abs(skew))} ${skew > 0 ? "ahead of" : "behind"} ours: lag is shown wrong by as much`,
      hint,
    );
  if (ahead > AHEAD_WARNING_MS)
    return warned(
      CHECK,
      `The source's cluster time is ${seconds(ahead)} ahead of its own clock, which was set back: until it catches up, give times as cluster times`,
      hint,
    );
  return passed(CHECK, `to within ${seconds(Math.max(Math.abs(skew), answeredAt - askedAt))}`);
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 0)} s`;
