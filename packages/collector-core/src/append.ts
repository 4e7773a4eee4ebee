import { OplogError } from "./errors.js";
import type { SealedSegment } from "./segment.js";
import type { Store } from "./store.js";

/**
 * One try to store a segment. After an unclear answer it is called again with the same segment: the number is then taken, and reading it back
 * tells whether by this very segment. Throws `FENCED` when by another writer's.
 */
export async function appendOnce(store: Pick<Store, "append" | "read">, segment: SealedSegment): Promise<void> {
  if ((await store.append(segment)) === "stored") return;
  const stored = await store.read(segment.number);
  if (stored?.hash.equals(segment.hash)) return; // our own, from a try whose answer was lost
  throw new OplogError("FENCED", `Another collector has written segment ${segment.number} of this log`, {
    hint: "Only one collector may write a log. This one has stopped; nothing it read was lost or stored twice.",
  });
}
