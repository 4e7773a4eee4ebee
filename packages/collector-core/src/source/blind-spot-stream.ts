import { type Batch, startOf, timeOf } from "../batch.js";
import { type ClusterTime, clusterTime } from "../cluster-time.js";
import { positionOfEvent } from "../event.js";
import { entryBatches } from "./entry-batch.js";
import type { EventStream } from "./source.js";
import { StreamOver } from "./stream-over.js";

/** What finds the oplog entries of `(after, to]` that the stream does not show. */
export type FindBlindSpots = (after: ClusterTime, to: ClusterTime) => Promise<Buffer[]>;

/**
 * Batches are held back for so long to be looked after together: a source with thousands of writes a second sends a reply for each few of them.
 * Far below the recovery point objective, which is what a user notices.
 */
const TOGETHER_MS = 25;

/** A change stream with the oplog entries that it does not show, each in its place. No batch goes on before it is known what belongs in between. */
export class BlindSpotStream extends StreamOver {
  private readonly batchOf = entryBatches();

  /** `from`: everything that the stream does not show is in the log up to here. */
  constructor(
    stream: EventStream,
    private readonly find: FindBlindSpots,
    private from: ClusterTime,
    private readonly now: () => number = Date.now,
  ) {
    super(stream);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Batch> {
    let held: Batch[] = [];
    let looked = Number.NEGATIVE_INFINITY;
    for await (const batch of this.stream) {
      held.push(batch);
      if (!batch.caughtUp && this.now() - looked < TOGETHER_MS) continue;
      looked = this.now();
      yield* await this.filledIn(held);
      held = [];
    }
    yield* await this.filledIn(held);
  }

  /** The batches with the entries between their events. */
  private async filledIn(batches: Batch[]): Promise<Batch[]> {
    const to = batches.reduce((time, batch) => max(time, shownTo(batch)), this.from);
    const entries = await this.find(this.from, to);
    this.from = to;
    const pieces: Batch[] = [];
    let next = 0;
    for (const batch of batches) {
      let rest = batch;
      for (; next < entries.length; next++) {
        const entry = this.batchOf(entries[next]!);
        const time = entry.position.clusterTime;
        if (time > shownTo(batch)) break;
        const events = eventsBefore(rest, time);
        // The stream shows it after all, as newer servers may.
        if (events < rest.events && timeOf(rest, events) === time) continue;
        if (events > 0) {
          const [head, tail] = split(rest, events, time - 1n);
          pieces.push(head);
          rest = tail;
        }
        pieces.push(entry);
      }
      pieces.push(rest);
    }
    return pieces;
  }
}

const max = (a: ClusterTime, b: ClusterTime): ClusterTime => (a > b ? a : b);

/** Up to here the stream has shown what it shows: of a high-water mark's own time something may still come. */
function shownTo({ events, times, position }: Batch): ClusterTime {
  const last = events > 0 ? clusterTime(times[events * 2 - 2]!, times[events * 2 - 1]!) : 0n;
  return last === position.clusterTime ? last : position.clusterTime - 1n;
}

/** How many events of the batch come before `time`. */
function eventsBefore(batch: Batch, time: ClusterTime): number {
  let events = 0;
  while (events < batch.events && timeOf(batch, events) < time) events++;
  return events;
}

/** The first events of a batch, which are complete up to `coveredTo`, and the rest. */
function split(batch: Batch, events: number, coveredTo: ClusterTime): [Batch, Batch] {
  const cut = batch.ends[events - 1]!;
  const head: Batch = {
    ...batch,
    events,
    payload: batch.payload.subarray(0, cut),
    ends: batch.ends.subarray(0, events),
    times: batch.times.subarray(0, events * 2),
    kinds: batch.kinds.slice(0, events),
    // Of the event itself: the batch's own position, after its last event, is behind what comes in between.
    position: positionOfEvent(batch.payload.subarray(startOf(batch, events - 1), cut), batch.format),
    coveredTo,
    caughtUp: false,
  };
  const tail: Batch = {
    ...batch,
    events: batch.events - events,
    payload: batch.payload.subarray(cut),
    ends: batch.ends.slice(events).map((end) => end - cut),
    times: batch.times.subarray(events * 2),
    kinds: batch.kinds.slice(events),
  };
  return [head, tail];
}
