import { systemClock } from "../clock.js";
import { networkCode } from "../describe-error.js";
import { refusal } from "../refusal.js";
import { DEFAULT_RETRY, type RetryOptions } from "../retry.js";
import { isFatalStoreError } from "../source/classify-error.js";
import type { StatusError } from "../status.js";
import type { StoreLocation } from "../store.js";
import { Troubles } from "../trouble.js";
import { openStore } from "./open-store.js";

export interface OpenStoreWhenUpOptions {
  signal: AbortSignal;
  retry?: Partial<RetryOptions>;
  /** Told of each try that failed, and with null once the store is open. */
  onTrouble?: (trouble: StatusError | null) => void;
}

/**
 * Opens a store, and waits for one that does not answer: a collector that was started before its store, as after a power cut, needs no hand.
 * Undefined when stopped meanwhile; throws what waiting can't mend, such as an unknown host.
 */
export async function openStoreWhenUp(
  uri: string,
  { signal, retry, onTrouble }: OpenStoreWhenUpOptions,
): Promise<StoreLocation | undefined> {
  const troubles = new Troubles({ ...DEFAULT_RETRY, ...retry }, systemClock, () => onTrouble?.(troubles.current));
  while (!signal.aborted) {
    try {
      const location = await openStore(uri);
      troubles.over("store");
      return location;
    } catch (error) {
      if (isFatalStoreError(error) || networkCode(error) === "ENOTFOUND") throw refusal("store", error);
      await troubles.failed("store", error, signal);
    }
  }
  return undefined;
}
