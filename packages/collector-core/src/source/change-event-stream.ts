import type { Batch } from "../batch.js";
import type { ClusterTime } from "../cluster-time.js";
import type { Position } from "../position.js";
import type { RawCursor } from "./raw-cursor.js";
import { holdsDocuments, ReplyReader } from "./reply-batch.js";
import type { EventStream } from "./source.js";

/** How long a getMore waits for the first event when there is none. Short after events: an empty reply tells that the last one's time is complete. */
const AWAIT_AFTER_EVENTS_MS = 50;
const AWAIT_IDLE_MS = 1_000;
/** Of a source on which nothing has happened for a while: what comes is sent at once all the same, only empty replies become fewer. */
const AWAIT_LONG_IDLE_MS = 4_000;
const LONG_IDLE_REPLIES = 10;

/**
 * Events a reply at most: only tiny ones come to so many before the server's own limit of 16 MiB. The server stands still between replies, so few
 * large ones are faster than many small: by 4 % against replies of 10,000 events, for 40 MB more memory.
 */
const REPLY_EVENTS = 100_000;

/** After so many empty replies in a row. */
function awaitMs(empty: number): number {
  if (empty === 0) return AWAIT_AFTER_EVENTS_MS;
  return empty < LONG_IDLE_REPLIES ? AWAIT_IDLE_MS : AWAIT_LONG_IDLE_MS;
}

/** The events of a change stream that is open. */
export class ChangeEventStream implements EventStream {
  private readonly reader: ReplyReader;

  constructor(
    private readonly cursor: RawCursor,
    readonly position: Position,
    readonly coveredTo: ClusterTime,
    sharded: boolean,
    readonly notes: string[],
    private readonly signal: AbortSignal,
    /** Events a reply at most. */
    private readonly replyEvents = REPLY_EVENTS,
  ) {
    this.reader = new ReplyReader(position, coveredTo, sharded);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Batch> {
    const stop = () => void this.cursor.kill();
    this.signal.addEventListener("abort", stop, { once: true });
    try {
      let pending = this.cursor.more(this.replyEvents, AWAIT_IDLE_MS);
      pending.catch(() => {}); // thrown where it is awaited, below; not at all when stopped before
      let empty = 0;
      while (!this.signal.aborted) {
        const reply = await pending;
        const last = this.cursor.exhausted || this.signal.aborted;
        // Asked for before the bytes in hand are looked at: the server's work is the slowest part, and must not wait for ours.
        if (!last) {
          empty = holdsDocuments(reply) ? 0 : empty + 1;
          pending = this.cursor.more(this.replyEvents, awaitMs(empty));
          pending.catch(() => {}); // likewise, above
        }
        yield this.reader.read(reply, reply.askedAt);
        // A database stream ends itself after an invalidate; the collector reopens it after that position.
        if (last) return;
      }
    } catch (error) {
      if (!this.signal.aborted) throw error;
    } finally {
      this.signal.removeEventListener("abort", stop);
      await this.close();
    }
  }

  close(): Promise<void> {
    return this.cursor.close();
  }
}
