/** Pauses between tries: doubled from the base up to the cap, each shortened by up to half at random, so that many collectors do not come back at once. */
export interface RetryOptions {
  /** Tries in a row without any success before it is given up. @default Infinity: a collector waits for its source as long as there is history to lose */
  maxRetries: number;
  baseMs: number;
  capMs: number;
}

export const DEFAULT_RETRY: RetryOptions = { maxRetries: Number.POSITIVE_INFINITY, baseMs: 250, capMs: 15_000 };

/** Milliseconds before try `attempt` (1 for the first repetition). */
export function backoffMs({ baseMs, capMs }: RetryOptions, attempt: number, random: number): number {
  const full = Math.min(capMs, baseMs * 2 ** Math.min(attempt - 1, 30));
  return full * (1 - random / 2);
}
