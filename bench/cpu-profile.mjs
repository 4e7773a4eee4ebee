/** Where the time goes: reads what `node --cpu-prof` wrote, in the words of the sources. */
import { readdir, readFile } from "node:fs/promises";
import { SourceMap } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** @typedef {{ functionName: string, url: string, lineNumber: number, columnNumber: number }} CallFrame */
/** @typedef {{ id: number, callFrame: CallFrame, children?: number[] }} ProfileNode */
/** @typedef {{ name: string, seconds: number, children: Stack[] }} Stack `seconds`: its own, without those of its children */

/** Not work of the program. */
const WAITING = new Set(["(idle)"]);

/**
 * The stacks of the main thread, by what called them.
 * @param {string} folder holds one profile
 * @returns {Promise<Stack>}
 */
export async function readProfile(folder) {
  const file = (await readdir(folder)).find((name) => name.endsWith(".cpuprofile"));
  if (!file) throw new Error(`no profile was written to ${folder}`);
  /** @type {{ nodes: ProfileNode[], samples: number[], timeDeltas: number[] }} */
  const { nodes, samples, timeDeltas } = JSON.parse(await readFile(join(folder, file), "utf8"));
  const names = new Names();
  /** @type {Map<number, Stack>} */
  const stacks = new Map();
  for (const { id, callFrame } of nodes) stacks.set(id, { name: await names.of(callFrame), seconds: 0, children: [] });
  const stackOf = (/** @type {number} */ id) => /** @type {Stack} */ (stacks.get(id));
  for (const { id, children = [] } of nodes) stackOf(id).children.push(...children.map(stackOf).filter(({ name }) => !WAITING.has(name)));
  samples.forEach((id, sample) => {
    // A delta is the time up to its sample: what ran meanwhile is the sample before, but over thousands of them this evens out.
    stackOf(id).seconds += (timeDeltas[sample] ?? 0) / 1e6;
  });
  return stackOf(/** @type {ProfileNode} */ (nodes[0]).id);
}

/** The functions in which the time was spent itself, the most first. @param {Stack} root @returns {{ frame: string, seconds: number }[]} */
export function ownTimes(root) {
  /** @type {Map<string, number>} */
  const seconds = new Map();
  const add = (/** @type {Stack} */ { name, seconds: own, children }) => {
    if (own > 0) seconds.set(name, (seconds.get(name) ?? 0) + own);
    children.forEach(add);
  };
  root.children.forEach(add);
  return [...seconds].map(([frame, spent]) => ({ frame, seconds: spent })).sort((a, b) => b.seconds - a.seconds);
}

/** What a frame is called: function and file, in the sources where there is a map to them. */
class Names {
  /** @type {Map<string, Promise<SourceMap | null>>} */
  #maps = new Map();

  /** @param {CallFrame} frame */
  async of({ functionName, url, lineNumber, columnNumber }) {
    const name = functionName || "(anonymous)";
    if (!url) return name;
    if (!url.startsWith("file:")) return `${name} ${url}`;
    const path = fileURLToPath(url);
    const entry = (await this.#mapOf(path))?.findEntry(lineNumber, columnNumber);
    const source = entry && "originalSource" in entry ? entry.originalSource : undefined;
    return `${name} ${shorter(source ?? path)}`;
  }

  /** @param {string} path */
  #mapOf(path) {
    let map = this.#maps.get(path);
    if (!map) {
      map = path.includes("/node_modules/")
        ? Promise.resolve(null)
        : readFile(`${path}.map`, "utf8").then(
            (text) => new SourceMap(JSON.parse(text)),
            () => null,
          );
      this.#maps.set(path, map);
    }
    return map;
  }
}

/** Of a package `package/…/file`, of ours the path below `src/`. @param {string} path */
function shorter(path) {
  const inModules = path.lastIndexOf("/node_modules/");
  if (inModules >= 0) return path.slice(inModules + "/node_modules/".length);
  return path.replace(/^.*\/(?:src|bench)\//, "");
}
