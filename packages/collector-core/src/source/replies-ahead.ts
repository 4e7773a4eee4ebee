import { setImmediate } from "node:timers/promises";
import type { RawCursor } from "./raw-cursor.js";
import { type CursorReply, holdsDocuments } from "./reply-batch.js";

/** How long a reply waits for its first event when there is none. Short after events: an empty reply tells that we have come to the end. */
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

/**
 * The replies of a cursor that waits for what comes, which is closed at the end: when the server ends it, it fails, or the signal aborts. Each is
 * asked for before the one in hand is looked at: the server's work is the slowest part, and must not wait for ours.
 */
export async function* repliesAhead(
  cursor: RawCursor,
  signal: AbortSignal,
  replyEvents = REPLY_EVENTS,
): AsyncGenerator<CursorReply & { askedAt: number }> {
  const stop = () => void cursor.kill();
  const ask = (empty: number) => {
    const reply = cursor.more(replyEvents, awaitMs(empty));
    reply.catch(() => {}); // thrown where it is awaited, below; not at all when stopped before
    return reply;
  };
  signal.addEventListener("abort", stop, { once: true });
  try {
    let empty = 1;
    let pending = ask(empty);
    while (!signal.aborted) {
      const reply = await pending;
      const last = cursor.exhausted || signal.aborted;
      if (!last) {
        empty = holdsDocuments(reply) ? 0 : empty + 1;
        pending = ask(empty);
        // The driver takes some turns to write what it is asked for: begun before they are over, our own work would hold it up.
        await setImmediate();
      }
      yield reply;
      if (last) return;
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    signal.removeEventListener("abort", stop);
    await cursor.close();
  }
}
