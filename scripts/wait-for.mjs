import { setTimeout as sleep } from "node:timers/promises";

/**
 * Asks until `condition` returns something truthy. What it throws counts as
 * "not yet" and is told when the time is up.
 *
 * @template T
 * @param {string} what
 * @param {() => T | Promise<T>} condition
 * @param {{ timeoutMs?: number, everyMs?: number }} [options]
 *   The defaults: patient, since a busy machine only makes things late, not wrong; asking often, since most waits are short.
 * @returns {Promise<NonNullable<T>>}
 */
export async function waitFor(what, condition, { timeoutMs = 60_000, everyMs = 50 } = {}) {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    let failure;
    try {
      const result = await condition();
      if (result) return /** @type {NonNullable<T>} */ (result);
    } catch (error) {
      if (error instanceof GiveUp) throw error.cause;
      failure = error;
    }
    if (Date.now() > deadline) throw new Error(`Waited ${timeoutMs} ms in vain for ${what}`, { cause: failure });
    await sleep(everyMs);
  }
}

/** Thrown by a condition that can no longer come true; the wait ends with `cause` at once. */
export class GiveUp extends Error {
  /** @param {unknown} cause */
  constructor(cause) {
    super("given up", { cause });
  }
}
