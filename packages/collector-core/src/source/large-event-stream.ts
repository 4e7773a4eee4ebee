import type { Batch } from "../batch.js";
import type { ClusterTime } from "../cluster-time.js";
import type { Position } from "../position.js";
import { classifySourceError } from "./classify-error.js";
import { entryBatches } from "./entry-batch.js";
import type { EventStream } from "./source.js";

/** What gets past an event that the stream can't deliver. */
export interface GetPast {
  /** A stream of the events after the position, one in each reply: up to the one that is too large. */
  oneByOne(position: Position): Promise<EventStream>;
  /** The oplog entry of the first event after the position. Null when there is none: nothing is in the way any more. */
  entryAfter(position: Position): Promise<Buffer | null>;
}

/** A change stream that puts the oplog entry of an event that is too large for it in the event's place. It ends there; opened again, it goes on. */
export class LargeEventStream implements EventStream {
  constructor(
    private readonly stream: EventStream,
    private readonly past: GetPast,
  ) {}

  get position(): Position {
    return this.stream.position;
  }

  get coveredTo(): ClusterTime {
    return this.stream.coveredTo;
  }

  get notes(): string[] {
    return this.stream.notes;
  }

  close(): Promise<void> {
    return this.stream.close();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Batch> {
    let { position } = this.stream;
    try {
      for await (const batch of this.stream) {
        position = batch.position;
        yield batch;
      }
      return;
    } catch (error) {
      if (classifySourceError(error) !== "too-large") throw error;
    }
    // The server failed the whole reply: what comes before that event is still to be read.
    try {
      for await (const batch of await this.past.oneByOne(position)) {
        position = batch.position;
        yield batch;
        if (batch.caughtUp) return;
      }
      return;
    } catch (error) {
      if (classifySourceError(error) !== "too-large") throw error;
    }
    const entry = await this.past.entryAfter(position);
    if (entry) yield entryBatches()(entry);
  }
}
