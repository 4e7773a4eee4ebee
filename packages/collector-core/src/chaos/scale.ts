/**
 * The chaos tests have two sizes: short, within `npm test`, where each fault strikes once; and full (`npm run test:chaos`), with the counts that
 * docs/reliability.md reports.
 */
export const FULL = process.env.CHAOS === "full";

export const scaled = <T>(short: T, full: T): T => (FULL ? full : short);

/** Printed by each test that draws from it: `CHAOS_SEED=<seed>` draws the same again. */
export const CHAOS_SEED = Number(process.env.CHAOS_SEED) || Date.now() % 1_000_000;
