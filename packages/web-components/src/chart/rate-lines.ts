import type { StatsRow } from "../api/answers.js";
import { MAX_LINES } from "./time-chart.js";

export type RateBy = "operation" | "namespace";

export interface RateWriter {
  name: string;
  events: number;
}

/** Who wrote most, in all of the rows. */
export function biggest(rows: readonly StatsRow[], by: RateBy): RateWriter[] {
  const totals = new Map<string, number>();
  for (const row of rows) totals.set(row[by], (totals.get(row[by]) ?? 0) + row.events);
  return [...totals].map(([name, events]) => ({ name, events })).sort((a, b) => b.events - a.events || a.name.localeCompare(b.name));
}

/** Events a second in each bucket: the biggest each on a line, the others together on the last. */
export function rateLines(rows: readonly StatsRow[], by: RateBy, from: number, to: number, buckets: number) {
  const width = (to - from) / buckets;
  const times = Array.from({ length: buckets }, (_, index) => from + index * width);
  const ranked = biggest(rows, by);
  const own = ranked.length > MAX_LINES ? ranked.slice(0, MAX_LINES - 1) : ranked;
  const lines = own.map(({ name }) => ({ label: name, values: new Array<number>(buckets).fill(0) }));
  const others = { label: `${ranked.length - own.length} others`, values: new Array<number>(buckets).fill(0) };
  const lineOf = new Map(lines.map((line) => [line.label, line]));
  for (const row of rows) {
    const bucket = Math.min(buckets - 1, Math.max(0, Math.round((Date.parse(row.at) - from) / width)));
    const { values } = lineOf.get(row[by]) ?? others;
    values[bucket] = values[bucket]! + (row.events * 1000) / width;
  }
  return { times, lines: ranked.length > own.length ? [...lines, others] : lines };
}
