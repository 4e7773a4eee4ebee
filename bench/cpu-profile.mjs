/** Where the time goes: sums up what `node --cpu-prof` wrote. */
import { readdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";

/** @typedef {{ id: number, callFrame: { functionName: string, url: string, lineNumber: number } }} ProfileNode */

/** Not work of the program: waiting, and what the profiler adds. */
const WAITING = new Set(["(idle)", "(root)"]);

/**
 * The functions in which the main thread itself spent time, the most first.
 * @param {string} folder holds one profile
 * @returns {Promise<{ frame: string, seconds: number }[]>}
 */
export async function frames(folder) {
  const file = (await readdir(folder)).find((name) => name.endsWith(".cpuprofile"));
  if (!file) throw new Error(`no profile was written to ${folder}`);
  /** @type {{ nodes: ProfileNode[], samples: number[], timeDeltas: number[] }} */
  const { nodes, samples, timeDeltas } = JSON.parse(await readFile(join(folder, file), "utf8"));
  const names = new Map(nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]));
  /** @type {Map<string, number>} */
  const seconds = new Map();
  samples.forEach((id, sample) => {
    const name = names.get(id) ?? "?";
    // A delta is the time up to its sample: what ran meanwhile is the sample before, but over thousands of them this evens out.
    if (!WAITING.has(name)) seconds.set(name, (seconds.get(name) ?? 0) + (timeDeltas[sample] ?? 0) / 1e6);
  });
  return [...seconds].map(([frame, spent]) => ({ frame, seconds: spent })).sort((a, b) => b.seconds - a.seconds);
}

/** @param {ProfileNode['callFrame']} frame */
function nameOf({ functionName, url, lineNumber }) {
  const name = functionName || "(anonymous)";
  return url ? `${name} ${basename(url)}:${lineNumber + 1}` : name;
}
