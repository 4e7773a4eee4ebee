import type { SealedSegment } from "./segment.js";
import type { Store, StoredHeader } from "./store.js";

/** Segments that are read while the one before them is dealt with: hides the way to the store. They have some hundred kilobytes each, rarely 20 MiB. */
const READ_AHEAD = 4;

export interface SegmentAhead {
  stored: StoredHeader;
  /** Null when it was removed since its header was read. */
  segment: Promise<SealedSegment | null>;
}

/** The segments after a number, in order. What can't be read throws in its turn, after those before it. */
export async function* readAhead(store: Pick<Store, "headers" | "read">, after = 0): AsyncGenerator<SegmentAhead> {
  const ahead: SegmentAhead[] = [];
  let failed: { error: unknown } | null = null;
  try {
    for await (const stored of store.headers({ after })) {
      const segment = store.read(stored.number);
      segment.catch(() => {}); // thrown in its turn
      ahead.push({ stored, segment });
      if (ahead.length > READ_AHEAD) yield ahead.shift()!;
    }
  } catch (error) {
    failed = { error };
  }
  yield* ahead;
  if (failed) throw failed.error;
}
