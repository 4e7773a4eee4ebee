const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** `850 ms`, `4.2 s`, `12 min`, `31 h`, `12 d`: one unit, as exact as it matters. */
export function formatDuration(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) return "–";
  if (ms < SECOND) return `${Math.round(ms)} ms`;
  if (ms < 10 * SECOND) return `${(ms / SECOND).toFixed(1)} s`;
  if (ms < 2 * MINUTE) return `${Math.round(ms / SECOND)} s`;
  if (ms < 2 * HOUR) return `${Math.round(ms / MINUTE)} min`;
  if (ms < 3 * DAY) return `${Math.round(ms / HOUR)} h`;
  return `${Math.round(ms / DAY)} d`;
}

/** `2026-11-22 14:05:24` in UTC; with `milliseconds` as exact as the log says it. */
export function formatUtc(time: number | string | Date, { milliseconds = false } = {}): string {
  const text = new Date(time).toISOString();
  return `${text.slice(0, 10)} ${text.slice(11, milliseconds ? 23 : 19)}`;
}

const local = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const zone = new Intl.DateTimeFormat("en", { timeZoneName: "short" });

/** In the reader's own words and time zone. */
export const formatLocal = (time: number | string | Date): string => local.format(new Date(time));

export const localZone = (): string => zone.formatToParts(new Date()).find(({ type }) => type === "timeZoneName")?.value ?? "local";

export function formatAgo(time: string | number | null | undefined, now = Date.now()): string {
  if (time === null || time === undefined) return "–";
  const past = now - new Date(time).getTime();
  return past < 1_500 ? "just now" : `${formatDuration(past < MINUTE ? Math.round(past / SECOND) * SECOND : past)} ago`;
}

/** Milliseconds of a cluster time `t,i`. */
export const millisecondsOf = (clusterTime: string): number => Number(clusterTime.split(",")[0]) * SECOND;

/** The last moment before everything of that cluster time: what is restored to for "just before this". */
export function justBefore(clusterTime: string): string {
  const [seconds, increment] = clusterTime.split(",").map(Number) as [number, number];
  return increment > 0 ? `${seconds},${increment - 1}` : `${seconds - 1},4294967295`;
}
