/** Where the main thread spends its time: one drain to files, and one apply, under `node --cpu-prof`. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { backlogOf, captureBacklog } from "./backlog.mjs";
import { runChild } from "./child.mjs";
import { ownTimes, readProfile } from "./cpu-profile.mjs";
import { flameGraph } from "./flame-graph.mjs";
import { DATABASE } from "./workload.mjs";

/** @typedef {import('./run.mjs').Bench} Bench */

/** What is below a hundredth is noise. */
const SHOWN = 18;

/** @param {Bench} bench */
export const captureProfile = (bench) => profileOfCapture(bench, "change-stream", "capture-profile");

/** @param {Bench} bench */
export const oplogProfile = (bench) => profileOfCapture(bench, "oplog", "oplog-profile");

/** @param {Bench} bench @param {import('./backlog.mjs').Capture} capture @param {string} name */
async function profileOfCapture(bench, capture, name) {
  const backlog = await backlogOf(bench);
  const { folder, execArgv } = await profiled(bench, name);
  const store = pathToFileURL(join(folder, "log")).href;
  await captureBacklog(backlog, { store, name: "profile", capture, execArgv });
  const { events } = backlog.sent[capture];
  return figureOf(name, `Capture (${capture}) to files: where the main thread spends its time`, { folder, events });
}

/** @param {Bench} bench */
export async function applyProfile(bench) {
  const backlog = await backlogOf(bench);
  const target = await bench.servers.target();
  const { folder, execArgv } = await profiled(bench, "apply-profile");
  const store = pathToFileURL(join(folder, "log")).href;
  await captureBacklog(backlog, { store, name: "profile" });
  await target.client.db(DATABASE).dropDatabase();
  const { from: after, to } = backlog;
  /** @type {{ events: number }} */
  const { events } = await runChild("apply-process.mjs", { store, name: "profile", after, to, target: target.uri }, { execArgv });
  return figureOf("apply-profile", "Restore: where the main thread of apply spends its time", { folder, events });
}

/** @param {Bench} bench @param {string} name */
async function profiled({ servers }, name) {
  const folder = join(await servers.folder(), name);
  await mkdir(folder);
  return { folder, execArgv: ["--cpu-prof", `--cpu-prof-dir=${folder}`] };
}

/** @param {string} name @param {string} title @param {{ folder: string, events: number }} profile @returns {Promise<import('./report.mjs').Figure>} */
async function figureOf(name, title, { folder, events }) {
  const stacks = await readProfile(folder);
  const all = ownTimes(stacks);
  const total = all.reduce((sum, { seconds }) => sum + seconds, 0);
  const perMillion = (/** @type {number} */ seconds) => ((seconds / events) * 1e6).toFixed(2);
  return {
    name,
    title,
    columns: ["function", "s per million events", "share"],
    rows: [
      ...all.slice(0, SHOWN).map(({ frame, seconds }) => [frame, perMillion(seconds), `${((seconds / total) * 100).toFixed(1)} %`]),
      ["all", perMillion(total), "100 %"],
    ],
    goals: [],
    notes: ["Own time of each function, start of the process included. Compression runs on other threads and is not in it."],
    data: { frames: all.slice(0, 100) },
    picture: flameGraph(stacks, `${title} (${events} events)`),
  };
}
