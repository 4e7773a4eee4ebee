import { type ClusterTime, type Coverage, formatClusterTime, type SegmentHeader, timelineFor } from "@oplog-collector/collector-core";
import { Routing, type RoutingOptions } from "./routing.js";
import { mayHold, type SegmentRange } from "./segment-range.js";

/** What is to be applied, and what is not, decided before anything is done. Plain data: it prints as JSON. */
export interface Plan {
  log: string;
  /** Exclusive, `t,i`. */
  from: string;
  /** Inclusive, `t,i`; never inside a transaction. */
  to: string;
  segments: { first: number; last: number; count: number; events: number; bytes: number };
  filters: { ns: string[]; excludeNs: string[] };
  renames: string[];
  /** Events that the range's segments hold and that are not applied; the first and last segment may reach beyond the range. */
  skipped: { namespace: string; operation: string; events: number; why: string }[];
  lanes: number;
  /** Without user and password. */
  target: string;
  /** What the reader should know: blind spots of the capture, an end that was moved. */
  notes: string[];
}

export interface PlanRequest extends RoutingOptions {
  log: string;
  coverage: Coverage;
  headers: readonly SegmentHeader[];
  after: ClusterTime;
  to: ClusterTime;
  lanes: number;
  target: string;
  notes?: readonly string[];
}

/** The part of the log that `(after, to]` needs; throws `OUTSIDE_COVERAGE` naming the hole. */
export function rangeFor(coverage: Coverage, after: ClusterTime, to: ClusterTime): SegmentRange {
  const { firstSegment, lastSegment } = timelineFor(coverage, after, to, formatClusterTime);
  return { firstSegment, lastSegment, after, to };
}

/** State in, decision out. `headers` are those of the segments that may hold events of the range. */
export function planApply({ log, coverage, headers, after, to, lanes, target, notes = [], ...options }: PlanRequest): Plan {
  const range = rangeFor(coverage, after, to);
  const needed = headers.filter(
    (header) => header.number >= range.firstSegment && header.number <= range.lastSegment && mayHold(header, range),
  );
  const sum = (of: (header: SegmentHeader) => number) => needed.reduce((total, header) => total + of(header), 0);
  return {
    log,
    from: formatClusterTime(after),
    to: formatClusterTime(to),
    segments: {
      first: needed[0]?.number ?? range.lastSegment,
      last: needed.at(-1)?.number ?? range.lastSegment,
      count: needed.length,
      events: sum(({ events }) => events),
      bytes: sum(({ bytes }) => bytes),
    },
    filters: { ns: [...(options.ns ?? [])], excludeNs: [...(options.excludeNs ?? [])] },
    renames: [...(options.renames ?? [])],
    skipped: skippedKinds(needed, new Routing(options)),
    lanes,
    target,
    notes: [...notes],
  };
}

function skippedKinds(headers: readonly SegmentHeader[], routing: Routing): Plan["skipped"] {
  const skipped = new Map<string, Plan["skipped"][number]>();
  for (const { counts } of headers)
    for (const { namespace, operation, events } of counts) {
      // A command on no collection (a transaction, for example) says only inside what it touches.
      if (namespace.endsWith(".$cmd")) continue;
      const { skip } = routing.route(namespace);
      if (skip === undefined) continue;
      const key = `${namespace} ${operation}`;
      const entry = skipped.get(key) ?? { namespace, operation, events: 0, why: skip };
      entry.events += events;
      skipped.set(key, entry);
    }
  return [...skipped.values()];
}
