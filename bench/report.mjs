/** Shows figures as tables, and keeps them: as JSON, and in docs/performance.md. */
import { mkdir, readFile, writeFile } from "node:fs/promises";

/**
 * @typedef {object} Goal
 * @property {string} what @property {string} limit @property {string} value @property {boolean} reached
 */
/**
 * @typedef {object} Figure
 * @property {string} name
 * @property {string} title
 * @property {readonly string[]} columns
 * @property {readonly (readonly string[])[]} rows
 * @property {Goal[]} goals what must hold
 * @property {readonly string[]} notes
 * @property {unknown} data every repetition
 * @property {string} [picture] an SVG, kept beside the document
 */
/** @typedef {{ at: string, load: number, loadAtEnd: number, machine: Record<string, string | number>, figures: Figure[] }} Results */

const LATEST = new URL("results/latest.json", import.meta.url);
const DOCUMENT = new URL("../docs/performance.md", import.meta.url);
const PICTURES = new URL("../docs/flames/", import.meta.url);
/** What is between these lines of the document is written here. */
const BEGIN = "<!-- figures: written by npm run bench -- --save -->";
const END = "<!-- end of the figures -->";

/** @param {Figure} figure */
export function printFigure({ title, columns, rows, goals, notes }) {
  process.stdout.write(`\n${title}\n${table([columns, ...rows])}\n`);
  for (const { what, limit, value, reached } of goals)
    process.stdout.write(`${reached ? "reached" : "MISSED "}  ${what}: ${value} (${limit})\n`);
  for (const note of notes) process.stdout.write(`${note}\n`);
}

/** @param {readonly (readonly string[])[]} rows */
function table(rows) {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((cells) => [...(cells[column] ?? "")].length))) ?? [];
  const pad = (/** @type {string} */ cell, /** @type {number} */ column) =>
    column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0);
  return rows.map((cells) => cells.map(pad).join("  ").trimEnd()).join("\n");
}

/** A run of some figures replaces those and leaves the others. @param {Results} results */
export async function saveResults(results) {
  const before = await readFile(LATEST, "utf8").then(JSON.parse, () => ({ figures: [] }));
  const { figures, ...circumstances } = results;
  const kept = before.figures.filter((/** @type {Figure} */ old) => !figures.some(({ name }) => name === old.name));
  await mkdir(PICTURES, { recursive: true });
  for (const { name, picture } of figures) if (picture) await writeFile(new URL(`${name}.svg`, PICTURES), picture);
  const all = [
    ...kept,
    ...figures.map(({ picture, ...figure }) => ({ ...figure, pictured: picture !== undefined, measured: circumstances })),
  ];
  await mkdir(new URL(".", LATEST), { recursive: true });
  await writeFile(LATEST, `${JSON.stringify({ schemaVersion: 1, figures: all }, null, 2)}\n`);
  const document = await readFile(DOCUMENT, "utf8");
  const [head, tail] = [document.indexOf(BEGIN), document.indexOf(END)];
  if (head < 0 || tail < head) throw new Error(`${DOCUMENT.pathname} has no place for the figures`);
  await writeFile(DOCUMENT, `${document.slice(0, head)}${BEGIN}\n\n${all.map(markdown).join("\n")}\n${document.slice(tail)}`);
}

/** @param {Omit<Figure, 'picture'> & { pictured?: boolean, measured: Omit<Results, 'figures'> }} figure */
function markdown({ name, title, columns, rows, goals, notes, pictured, measured }) {
  const line = (/** @type {readonly string[]} */ cells) => `| ${cells.join(" | ")} |`;
  const { machine, at, load, loadAtEnd } = measured;
  return [
    `### ${title}`,
    "",
    `Measured ${at.slice(0, 16).replace("T", " ")} UTC: ${machine.cores} cores (${machine.cpu}), Node ${machine.node}, mongod ${machine.mongod}; load average ${load} before, ${loadAtEnd} after.`,
    "",
    line(columns),
    line(columns.map((_, column) => (column === 0 ? "---" : "--:"))),
    ...rows.map(line),
    "",
    ...(pictured ? [`[![${title}: flame graph](flames/${name}.svg)](flames/${name}.svg)`, ""] : []),
    ...goals.map(({ what, limit, value, reached }) => `- ${reached ? "Reached" : "**Missed**"}: ${what}: ${value} (goal ${limit})`),
    ...notes.map((note) => `- ${note}`),
    "",
  ].join("\n");
}
