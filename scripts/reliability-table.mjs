/**
 * Puts what the last full run of the chaos tests saw into docs/reliability.md. `npm run test:chaos` ends with it. Of a test that was not run
 * this time, the table stays as it is.
 * Each test leaves its figures as a file of its own (packages/collector-core/src/chaos/results.ts).
 */
import { readdir, readFile, writeFile } from "node:fs/promises";
import { cpus } from "node:os";
import { version } from "node:process";

const RESULTS = new URL("../node_modules/.cache/chaos-results/", import.meta.url);
const PAGE = new URL("../docs/reliability.md", import.meta.url);
const [BEGIN, END] = ["<!-- figures: begin -->", "<!-- figures: end -->"];

/** @type {{ test: string, at: string, figures: Record<string, string | number> }[]} */
const results = [];
for (const name of (await readdir(RESULTS)).sort()) results.push(JSON.parse(await readFile(new URL(name, RESULTS), "utf8")));

/** @param {string | number} value */
const shown = (value) => (typeof value === "number" ? value.toLocaleString("en") : value.replaceAll("|", "\\|"));

const page = await readFile(PAGE, "utf8");
const [begin, end] = [page.indexOf(BEGIN) + BEGIN.length, page.indexOf(END)];
const [runBefore = "", ...tablesBefore] = page
  .slice(begin, end)
  .trim()
  .split(/\n+(?=### )/);

/** By its heading. @type {Map<string, string>} */
const tables = new Map(tablesBefore.map((table) => [/** @type {string} */ (table.split("\n", 1)[0]), table]));
for (const { test, figures } of results) {
  const heading = `### ${test}`;
  const rows = Object.entries(figures).map(([what, value]) => `| ${what} | ${shown(value)} |`);
  tables.set(heading, [heading, "", "| what | figure |", "|---|---|", ...rows].join("\n"));
}
const days = [...new Set([...(runBefore.match(/\d{4}-\d\d-\d\d/g) ?? []), ...results.map(({ at }) => at.slice(0, 10))])].sort();
const run = `Run on ${days.join(", ")}, Node ${version}, ${cpus().length} cores.`;
const sorted = [...tables].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, table]) => table);
await writeFile(PAGE, `${page.slice(0, begin)}\n${[run, ...sorted].join("\n\n")}\n${page.slice(end)}`);
