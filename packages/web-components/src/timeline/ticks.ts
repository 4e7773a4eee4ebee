const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Round steps, as people count time. */
const STEPS = [
  ...[1, 2, 5, 10, 15, 30].map((seconds) => seconds * SECOND),
  ...[1, 2, 5, 10, 15, 30].map((minutes) => minutes * MINUTE),
  ...[1, 2, 3, 6, 12].map((hours) => hours * HOUR),
  ...[1, 2, 7, 14, 30, 91, 365].map((days) => days * DAY),
];

export interface Tick {
  time: number;
  label: string;
}

/** At most so many round moments of UTC, each with as much of its name as tells it from the next. */
export function ticksOf(from: number, to: number, most: number): Tick[] {
  const step = STEPS.find((candidate) => (to - from) / candidate <= most) ?? (to - from) / most;
  const ticks: Tick[] = [];
  for (let time = Math.ceil(from / step) * step; time <= to; time += step) ticks.push({ time, label: labelOf(time, step) });
  return ticks;
}

function labelOf(time: number, step: number): string {
  const text = new Date(time).toISOString();
  if (step >= DAY || text.slice(11, 19) === "00:00:00") return text.slice(0, 10);
  return step >= MINUTE ? text.slice(11, 16) : text.slice(11, 19);
}
