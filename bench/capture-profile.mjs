/** Where the main thread of a capture spends its time: one drain to files under `node --cpu-prof`. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { backlogOf, captureBacklog } from "./backlog.mjs";
import { frames } from "./cpu-profile.mjs";

/** What is below a hundredth is noise. */
const SHOWN = 18;

/** @param {import('./run.mjs').Bench} bench @returns {Promise<import('./report.mjs').Figure>} */
export async function captureProfile(bench) {
  const backlog = await backlogOf(bench);
  const { events } = backlog.sent["change-stream"];
  const folder = join(await bench.servers.folder(), "profile");
  await mkdir(folder);
  const store = pathToFileURL(join(folder, "log")).href;
  await captureBacklog(backlog, { store, name: "profile", execArgv: ["--cpu-prof", `--cpu-prof-dir=${folder}`] });
  const all = await frames(folder);
  const total = all.reduce((sum, { seconds }) => sum + seconds, 0);
  const perMillion = (/** @type {number} */ seconds) => ((seconds / events) * 1e6).toFixed(2);
  return {
    name: "capture-profile",
    title: "Capture: where the main thread spends its time",
    columns: ["function", "s per million events", "share"],
    rows: [
      ...all.slice(0, SHOWN).map(({ frame, seconds }) => [frame, perMillion(seconds), `${((seconds / total) * 100).toFixed(1)} %`]),
      ["all", perMillion(total), "100 %"],
    ],
    goals: [],
    notes: ["Own time of each function, start of the process included. Compression runs on other threads and is not in it."],
    data: { frames: all.slice(0, 100) },
  };
}
