import type { Batch } from "../batch.js";
import type { Position } from "../position.js";
import { classifySourceError, codeOf } from "./classify-error.js";
import { entryBatches } from "./entry-batch.js";
import type { EventStream } from "./source.js";
import { StreamOver } from "./stream-over.js";

/** Why a stream can't deliver an event: it does not fit a reply; or the server fails while it makes it. */
export type Undelivered = "too-large" | "unformed";

/** What gets past an event that the stream can't deliver. */
export interface GetPast {
  /** A stream of the events after the position, one in each reply: up to the one that can't be delivered. */
  oneByOne(position: Position): Promise<EventStream>;
  /** The oplog entry of the first event after the position. Null when there is none that can stand for it. */
  entryAfter(position: Position, why: Undelivered): Promise<Buffer | null>;
}

/** UnknownError: a check of the server's own has failed (6.0.5: `assertion src/mongo/db/exec/document_value/value.h:533`). */
const CHECK_FAILED = 8;

function whyUndelivered(error: unknown): Undelivered {
  if (classifySourceError(error) === "too-large") return "too-large";
  if (codeOf(error) === CHECK_FAILED) return "unformed";
  throw error;
}

/** A change stream that puts the oplog entry of an event that it can't deliver in the event's place. It ends there; opened again, it goes on. */
export class UndeliveredEventStream extends StreamOver {
  constructor(
    stream: EventStream,
    private readonly past: GetPast,
  ) {
    super(stream);
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
      whyUndelivered(error);
    }
    // The server failed the whole reply: what comes before that event is still to be read.
    try {
      for await (const batch of await this.past.oneByOne(position)) {
        position = batch.position;
        yield batch;
        if (batch.caughtUp) return;
      }
    } catch (error) {
      const why = whyUndelivered(error);
      const entry = await this.past.entryAfter(position, why);
      if (entry) yield entryBatches()(entry);
      // A large event that is gone is in nobody's way any more; a server that fails may do so for another reason, and is asked again later.
      else if (why === "unformed") throw error;
    }
  }
}
