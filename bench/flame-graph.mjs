/** Draws stacks as a flame graph: an SVG that needs nothing else. */

/** @typedef {import('./cpu-profile.mjs').Stack} Stack */

const WIDTH = 1_200;
const ROW = 17;
const TITLE = 44;
/** Narrower than this nothing can be seen or pointed at. */
const NARROWEST = 1;
/** In a monospaced font of 11 px. */
const LETTER = 6.7;

/** Whose code it is: what one can change differs. @type {[string, RegExp, string][]} */
const KINDS = [
  ["garbage collector", /^\(garbage collector\)$/, "#c9a0dc"],
  ["Node", /^\(|^\S+$| node:| \S*loader/, "#a9bcd0"],
  ["MongoDB driver", /(^| )(mongodb|bson)\//, "#9fd3a4"],
  ["other packages", /\.(js|mjs|cjs)$/, "#e3d59a"],
  ["ours", /./, "#f2a66b"],
];

/** @param {string} name */
const colourOf = (name) => /** @type {[string, RegExp, string]} */ (KINDS.find(([, pattern]) => pattern.test(name)))[2];

/** Modules that load modules: fifty calls deep, once, at the start. */
const LOADING = / node:internal\/modules\//;

/** @param {Stack} root @param {string} title @returns {string} */
export function flameGraph(root, title) {
  const merged = merge([root]);
  const total = sumOf(merged);
  /** @type {string[]} */
  const boxes = [];
  let depth = 0;
  /** @param {Stack} stack @param {number} x @param {number} row */
  const draw = (stack, x, row) => {
    const width = (sumOf(stack) / total) * WIDTH;
    if (width < NARROWEST) return;
    depth = Math.max(depth, row);
    boxes.push(box(stack, { x, row, width, total }));
    let at = x;
    for (const child of stack.children.toSorted((a, b) => sumOf(b) - sumOf(a))) {
      draw(child, at, row + 1);
      at += (sumOf(child) / total) * WIDTH;
    }
  };
  draw(merged, 0, 0);
  const height = TITLE + (depth + 1) * ROW;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="ui-monospace, monospace" font-size="11">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${WIDTH}" height="${height}" fill="#fff"/>`,
    `<text x="4" y="17" font-size="13">${escaped(title)}</text>`,
    ...KINDS.map(([kind, , colour], index) => legend(kind, colour, 4 + index * 150)),
    ...boxes,
    "</svg>",
    "",
  ].join("\n");
}

/** @param {Stack} stack @param {{ x: number, row: number, width: number, total: number }} place */
function box({ name, seconds, children }, { x, row, width, total }) {
  const all = sumOf({ name, seconds, children });
  const y = TITLE + row * ROW;
  const letters = Math.floor((width - 4) / LETTER);
  const shown = letters < 3 ? "" : name.length <= letters ? name : `${name.slice(0, letters - 1)}…`;
  const told = `${name}: ${all.toFixed(2)} s, ${((all / total) * 100).toFixed(1)} % (itself ${seconds.toFixed(2)} s)`;
  const text = shown && `<text x="${(x + 2).toFixed(1)}" y="${y + 12}">${escaped(shown)}</text>`;
  const rect = `<rect x="${x.toFixed(1)}" y="${y}" width="${Math.max(width - 0.4, 0.3).toFixed(1)}" height="${ROW - 1}" fill="${colourOf(name)}"/>`;
  return `<g><title>${escaped(told)}</title>${rect}${text}</g>`;
}

/** @param {string} kind @param {string} colour @param {number} x */
const legend = (kind, colour, x) =>
  `<rect x="${x}" y="26" width="12" height="12" fill="${colour}"/><text x="${x + 16}" y="36">${kind}</text>`;

/** Calls of the same function by the same stack become one. @param {Stack[]} stacks all of one name @returns {Stack} */
function merge(stacks) {
  const { name } = /** @type {Stack} */ (stacks[0]);
  if (LOADING.test(name)) return { name, seconds: stacks.reduce((sum, stack) => sum + sumOf(stack), 0), children: [] };
  /** @type {Map<string, Stack[]>} */
  const byName = new Map();
  for (const child of stacks.flatMap(({ children }) => children)) byName.set(child.name, [...(byName.get(child.name) ?? []), child]);
  return {
    name: name === "(root)" ? "all" : name,
    seconds: name === "(root)" ? 0 : stacks.reduce((sum, { seconds }) => sum + seconds, 0),
    children: [...byName.values()].map(merge),
  };
}

/** @type {WeakMap<Stack, number>} */
const sums = new WeakMap();

/** With those that it called. @param {Stack} stack @returns {number} */
function sumOf(stack) {
  const known = sums.get(stack);
  if (known !== undefined) return known;
  const sum = stack.children.reduce((so, child) => so + sumOf(child), stack.seconds);
  sums.set(stack, sum);
  return sum;
}

/** @param {string} text */
const escaped = (text) => text.replace(/[&<>"]/g, (letter) => `&#${letter.charCodeAt(0)};`);
