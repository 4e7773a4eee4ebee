import { decodeHeader, type EventFormat } from "./segment.js";
import type { Store } from "./store.js";

/**
 * What a log's source sends; null when the log is empty. A change stream's log may hold single oplog entries (what the stream could not deliver),
 * an oplog's log never holds a change event, so only the segment that began the timeline tells the first from the second.
 */
export async function logFormat(store: Pick<Store, "headers">): Promise<EventFormat | null> {
  let newest: EventFormat | null = null;
  for await (const stored of store.headers({ reverse: true })) {
    const { format, source } = decodeHeader(stored.header);
    if (source || format === "change-event") return format;
    newest ??= format;
  }
  return newest;
}
