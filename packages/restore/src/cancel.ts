import type { MongoClient } from "mongodb";

/** What is under way when a run is cancelled may end in order; a target that does not answer must not hold up the end for longer than that. */
const CANCEL_PATIENCE_MS = 5_000;

/** Closes the client some time after the signal aborts: commands that wait for an answer then fail. */
export function closeWhenCancelled(client: MongoClient, signal: AbortSignal | undefined): Disposable {
  let timer: NodeJS.Timeout | undefined;
  const onAbort = () => {
    timer = setTimeout(() => void client.close().catch(() => {}), CANCEL_PATIENCE_MS);
  };
  if (signal?.aborted) onAbort();
  signal?.addEventListener("abort", onAbort);
  return {
    [Symbol.dispose]() {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
    },
  };
}

/**
 * Resolves as `work` does, or rejects as soon as the signal aborts: for what takes hours on a server, and ends there when its connection goes, as
 * the build of an index does.
 */
export async function unlessCancelled<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work;
  signal.throwIfAborted();
  work.catch(() => {}); // nobody hears it any more once the signal has aborted
  let onAbort = () => {};
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason);
    signal.addEventListener("abort", onAbort);
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
