import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import type { Page } from "playwright-core";

const RUN = `axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) => JSON.stringify(violations.map(({ id, nodes }) => id + ": " + nodes.map(({ html, failureSummary }) => html.slice(0, 200) + failureSummary).join(" | "))))`;

/** What axe finds wrong with what the page shows now. */
export async function violationsOf(page: Page): Promise<string[]> {
  const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
  // Through the debugger: the page's policy would not let a script of ours in, and must not.
  const debugging = await page.context().newCDPSession(page);
  await debugging.send("Runtime.evaluate", { expression: axe });
  const { result } = await debugging.send("Runtime.evaluate", { expression: RUN, awaitPromise: true, returnByValue: true });
  await debugging.detach();
  return JSON.parse(result.value as string);
}
