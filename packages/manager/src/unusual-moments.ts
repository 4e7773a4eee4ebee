import { type ClusterTime, decodeHeader, formatClusterTime, type SegmentHeader } from "@oplog-collector/collector-core";

/** What people look for when they want to go back. */
export interface UnusualMoment {
  kind: "drop" | "mass-delete" | "spike";
  at: string;
  /** The cluster time up to which a restore leaves it out, inclusive. */
  before: string;
  namespace: string | null;
  operation: string | null;
  /** How many events it was. */
  events: number;
}

/** What a segment's header says, as far as it matters here. */
export type SegmentFacts = Pick<SegmentHeader, "number" | "counts" | "events"> & { at: number; from: ClusterTime };

export const DROPS: readonly string[] = ["drop", "dropDatabase"];

/** Fewer are everyday work of an application. */
const MASS_DELETES = 100;
const SPIKE_EVENTS = 500;

/** So much more than at other times. */
const MASS_FACTOR = 10;
const SPIKE_FACTOR = 8;

/** A mass delete takes seconds, and segments are sealed each second. */
const WINDOW_MS = 10_000;

/** Of a few windows none is unusual. */
const MIN_WINDOWS = 6;

interface Window {
  facts: SegmentFacts;
  events: number;
  deletes: Map<string, { events: number; facts: SegmentFacts }>;
}

export const factsOf = (header: Buffer): SegmentFacts => {
  const { number, counts, events, from, to } = decodeHeader(header);
  return { number, counts, events, from: from.clusterTime, at: to.wallTime?.getTime() ?? 0 };
};

/** Mass deletes and spikes, from what the headers count: the moment is the end of the segment before. In the order of time. */
export function unusualCounts(segments: readonly SegmentFacts[]): UnusualMoment[] {
  const windows = windowsOf(segments.filter(({ events }) => events > 0));
  return [...massDeletes(windows), ...spikes(windows)].sort((a, b) => a.at.localeCompare(b.at));
}

function windowsOf(segments: readonly SegmentFacts[]): Window[] {
  const windows = new Map<number, Window>();
  for (const facts of segments) {
    const key = Math.floor(facts.at / WINDOW_MS);
    const window = windows.get(key) ?? { facts, events: 0, deletes: new Map() };
    windows.set(key, window);
    window.events += facts.events;
    for (const { namespace, operation, events } of facts.counts) {
      // A raw oplog entry of a delete is called the same.
      if (operation !== "delete") continue;
      const known = window.deletes.get(namespace) ?? { events: 0, facts };
      known.events += events;
      window.deletes.set(namespace, known);
    }
  }
  return [...windows.values()];
}

function massDeletes(windows: readonly Window[]): UnusualMoment[] {
  const totals = new Map<string, number>();
  for (const { deletes } of windows)
    for (const [namespace, { events }] of deletes) totals.set(namespace, (totals.get(namespace) ?? 0) + events);
  return windows.flatMap(({ deletes }) =>
    [...deletes].flatMap(([namespace, { events, facts }]) => {
      const elsewhere = (totals.get(namespace)! - events) / Math.max(1, windows.length - 1);
      if (events < MASS_DELETES || events < elsewhere * MASS_FACTOR) return [];
      return [moment("mass-delete", facts, namespace, "delete", events)];
    }),
  );
}

function spikes(windows: readonly Window[]): UnusualMoment[] {
  if (windows.length < MIN_WINDOWS) return [];
  const sorted = windows.map(({ events }) => events).sort((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)]!;
  return windows.flatMap(({ events, facts }) =>
    events >= SPIKE_EVENTS && events >= median * SPIKE_FACTOR ? [moment("spike", facts, null, null, events)] : [],
  );
}

const moment = (
  kind: UnusualMoment["kind"],
  { at, from }: SegmentFacts,
  namespace: string | null,
  operation: string | null,
  events: number,
): UnusualMoment => ({ kind, at: new Date(at).toISOString(), before: formatClusterTime(from), namespace, operation, events });
