import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { FULL } from "./scale.js";

/** Read by `scripts/reliability-table.mjs`, which makes docs/reliability.md's tables of them. Ignored by git. */
const FOLDER = fileURLToPath(new URL("../../../../node_modules/.cache/chaos-results/", import.meta.url));

/** Keeps what a test saw: printed always, and of a full run for the page on reliability. */
export function record(test: string, figures: Record<string, string | number>): void {
  console.log(`${test}: ${JSON.stringify(figures)}`);
  if (!FULL) return;
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(`${FOLDER}${test.replace(/[^A-Za-z0-9]+/g, "-")}.json`, JSON.stringify({ test, at: new Date(), figures }));
}
