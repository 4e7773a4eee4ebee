import { type ClusterTime, clusterTime } from "./cluster-time.js";
import { type EventKind, positionOfEvent } from "./event.js";
import type { Position } from "./position.js";
import type { EventFormat } from "./segment.js";

/** The events of one reply of the server, in columns: no object for each event. An idle source sends batches without events. */
export interface Batch {
  format: EventFormat;
  /** How many events. */
  events: number;
  /** The events' bytes, one after another. */
  payload: Buffer;
  /** For each event the first byte after it in the payload. */
  ends: Uint32Array;
  /** For each event its cluster time as two numbers: seconds, ordinal. */
  times: Uint32Array;
  kinds: EventKind[];
  /** After the last event: the server's post-batch position. */
  position: Position;
  /** Every event up to this cluster time, inclusive, has been sent: not always the position's, which may be inside a transaction. */
  coveredTo: ClusterTime;
  /** The source's clock at the last event, or when an empty reply was asked for: up to here nothing is outstanding. */
  currentTo: number;
  /** The server had nothing more to show. A batch without events says no such thing: what the reply held may have been left out. */
  caughtUp: boolean;
}

export const timeOf = (batch: Batch, event: number): ClusterTime => clusterTime(batch.times[event * 2]!, batch.times[event * 2 + 1]!);

export const startOf = (batch: Batch, event: number): number => (event === 0 ? 0 : batch.ends[event - 1]!);

/** The position after the first `count` events. */
export const positionAfter = (batch: Batch, count: number): Position =>
  count === batch.events
    ? batch.position
    : positionOfEvent(batch.payload.subarray(startOf(batch, count - 1), batch.ends[count - 1]), batch.format);

/**
 * The newest cluster time of which all events are among the first `count` of the batch; `before` when that is none of them. The events of a
 * transaction share one cluster time, so a cut between them covers only what came before.
 */
export function coveredAfter(batch: Batch, count: number, before: ClusterTime): ClusterTime {
  if (count === batch.events) return batch.coveredTo > before ? batch.coveredTo : before;
  const next = timeOf(batch, count);
  for (let event = count - 1; event >= 0; event--) {
    const time = timeOf(batch, event);
    if (time < next) return time > before ? time : before;
  }
  return before;
}
