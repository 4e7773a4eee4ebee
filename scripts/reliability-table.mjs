/**
 * Puts what the last full run of the chaos tests saw into docs/reliability.md. `npm run test:chaos` ends with it.
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

const days = [...new Set(results.map(({ at }) => at.slice(0, 10)))].join(", ");
const tables = results.map(({ test, figures }) =>
  [
    `### ${test}`,
    "",
    "| what | figure |",
    "|---|---|",
    ...Object.entries(figures).map(([what, value]) => `| ${what} | ${shown(value)} |`),
  ].join("\n"),
);
const text = [`Run on ${days}, Node ${version}, ${cpus().length} cores.`, ...tables].join("\n\n");

const page = await readFile(PAGE, "utf8");
const [begin, end] = [page.indexOf(BEGIN) + BEGIN.length, page.indexOf(END)];
await writeFile(PAGE, `${page.slice(0, begin)}\n${text}\n${page.slice(end)}`);
