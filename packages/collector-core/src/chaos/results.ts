import { mkdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { FULL } from "./scale.js";

/** Read by `scripts/reliability-table.mjs`, which makes docs/reliability.md's tables of them. Ignored by git. */
const FOLDER = fileURLToPath(new URL("../../../../node_modules/.cache/chaos-results/", import.meta.url));

/** Keeps what a test saw: printed always, and of a full run for the page on reliability. */
export function record(test: string, figures: Record<string, string | number>): void {
  // Where this machine keeps its temporary files is of no interest to who reads the page.
  const shown = Object.fromEntries(
    Object.entries(figures).map(([what, value]) => [what, typeof value === "string" ? value.replaceAll(tmpdir(), "…") : value]),
  );
  console.log(`${test}: ${JSON.stringify(shown)}`);
  if (!FULL) return;
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(`${FOLDER}${test.replace(/[^A-Za-z0-9]+/g, "-")}.json`, JSON.stringify({ test, at: new Date(), figures: shown }));
}
