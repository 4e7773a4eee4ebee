import { decodeHeader, type EventFormat } from "./segment.js";
import type { Store } from "./store.js";

/** What a log's source sends; null when the log is empty. */
export async function logFormat(store: Pick<Store, "headers">): Promise<EventFormat | null> {
  for await (const { header } of store.headers({ reverse: true })) {
    const { format, source } = decodeHeader(header);
    return source?.format ?? format;
  }
  return null;
}
