import { OplogError } from "./errors.js";
import type { SealedSegment } from "./segment.js";
import { isFatalStoreError } from "./source/classify-error.js";
import type { Store } from "./store.js";
import type { Troubles } from "./trouble.js";

/**
 * One try to store a segment. After an unclear answer it is called again with the same segment: the number is then taken, and reading it back
 * tells whether by this very segment. Throws `FENCED` when by another writer's.
 */
export async function appendOnce(store: Pick<Store, "append" | "read">, segment: SealedSegment): Promise<void> {
  if ((await store.append(segment)) === "stored") return;
  const stored = await store.read(segment.number);
  // Taken, and it is not known by what: asking again tells.
  if (!stored) throw new OplogError("STORE_FAILED", `The store says that it has segment ${segment.number}, and does not give it`);
  if (stored.hash.equals(segment.hash)) return; // our own, from a try whose answer was lost
  throw new OplogError("FENCED", `Another collector has written segment ${segment.number} of this log`, {
    hint: "Only one collector may write a log. This one has stopped; nothing it read was lost or stored twice.",
  });
}

/** Returns once the segment is stored. Throws what trying again can't mend, and when the signal aborts before. */
export async function appendUntilStored(
  store: Pick<Store, "append" | "read">,
  segment: SealedSegment,
  troubles: Pick<Troubles, "trying">,
  signal: AbortSignal,
): Promise<void> {
  const append = () => appendOnce(store, segment).then(() => true);
  if (!(await troubles.trying("store", signal, append, isFatalStoreError)))
    throw new OplogError("UNREACHABLE", `Segment ${segment.number} was given up before the store had it`);
}
