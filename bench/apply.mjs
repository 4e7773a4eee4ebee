/** How fast a log is applied to an empty target, beside prepared commands sent in the same way and beside mongorestore. */
import { execFile } from "node:child_process";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { openStore, readEvents } from "../packages/collector-core/dist/index.js";
import { exportLog } from "../packages/restore/dist/index.js";
import { backlogOf, captureBacklog } from "./backlog.mjs";
import { runChild } from "./child.mjs";
import { inTurn, median } from "./in-turn.mjs";
import { APPLY_ELSEWHERE, PBM_APPLY_PER_SECOND } from "./recorded-elsewhere.mjs";
import { contentOf, DATABASE } from "./workload.mjs";

/** @typedef {import('./run.mjs').Bench} Bench */
/** @typedef {{ events: number, seconds: number, cpuSeconds?: number, peakMB?: number }} Applied */

/** What must hold: of the prepared commands' rate; times mongorestore's; times what was recorded of Percona Backup. */
const OF_SENDER = 0.7;
const TIMES_MONGORESTORE = 15;
const TIMES_PBM = 100;

/** mongorestore takes one or two thousand events a second: enough of them for a rate, and not a quarter of an hour. */
const MONGORESTORE_EVENTS = 20_000;

const STORE_DATABASE = "oplog_bench_apply";

/** @param {Bench} bench @returns {Promise<import('./report.mjs').Figure>} */
export async function applyRate(bench) {
  const { servers, repeat, log } = bench;
  const backlog = await backlogOf(bench);
  const [store, target] = [await servers.store(), await servers.target()];
  const storeUri = store.uri.replace("/?", `/${STORE_DATABASE}?`);
  await captureBacklog(backlog, { store: storeUri, name: "change-stream" });
  await captureBacklog(backlog, { store: storeUri, name: "oplog", capture: "oplog" });
  const expected = await contentOf(backlog.source.client);
  const { from: after, to } = backlog;

  /** @param {() => Promise<Applied>} run @param {boolean} whole the target is to be equal to the source then */
  const onEmptyTarget = async (run, whole = true) => {
    await target.client.db(DATABASE).dropDatabase();
    const applied = await run();
    if (whole && (await contentOf(target.client)) !== expected) throw new Error("the target does not hold what the source holds");
    return applied;
  };
  const tool = await mongorestoreTool();
  const dump = tool && (await exportForMongorestore(bench, storeUri, after, to));
  log("Applying to an empty target …");
  const runs = await inTurn(
    repeat,
    {
      sender: () => onEmptyTarget(() => runChild("sender-process.mjs", { store: storeUri, name: "change-stream", to, target: target.uri })),
      changeStream: () =>
        onEmptyTarget(() => runChild("apply-process.mjs", { store: storeUri, name: "change-stream", after, to, target: target.uri })),
      oplog: () => onEmptyTarget(() => runChild("apply-process.mjs", { store: storeUri, name: "oplog", after, to, target: target.uri })),
      ...(dump && { mongorestore: () => onEmptyTarget(() => mongorestore(dump, target.uri), false) }),
    },
    (name, { events, seconds }) => log(`  ${name}: ${Math.round(events / seconds)} events/s`),
  );
  await store.client.db(STORE_DATABASE).dropDatabase();
  if (dump) await rm(dump.folder, { recursive: true });

  const rates = Object.fromEntries(
    Object.entries(runs).map(([name, applied]) => [name, applied.map(({ events, seconds }) => events / seconds)]),
  );
  /** @param {string} name @param {string} other */
  const ratio = (name, other) => median((rates[name] ?? []).map((rate, pair) => rate / /** @type {number} */ (rates[other]?.[pair])));
  const ours = median(rates.changeStream ?? []);
  return {
    name: "apply",
    title: `Restore: apply of ${backlog.sent["change-stream"].events} events to an empty target`,
    columns: ["", "events/s", "of the prepared commands", "CPU s per million: process", "peak MB"],
    rows: [
      ...Object.entries(runs).map(([name, applied]) => [
        name === "mongorestore" ? `${LABELS[name]} (${applied[0]?.events} events)` : (LABELS[name] ?? name),
        `${Math.round(median(rates[name] ?? []))}`,
        ratio(name, "sender").toFixed(2),
        applied[0]?.cpuSeconds === undefined
          ? "–"
          : median(applied.map(({ events, cpuSeconds = 0 }) => (cpuSeconds / events) * 1e6)).toFixed(1),
        applied[0]?.peakMB === undefined ? "–" : `${Math.max(...applied.map(({ peakMB = 0 }) => peakMB))}`,
      ]),
      ...APPLY_ELSEWHERE,
    ],
    goals: [
      goal("of the prepared commands' rate", ratio("changeStream", "sender"), OF_SENDER),
      ...(dump ? [goal("times mongorestore --oplogReplay", ratio("changeStream", "mongorestore"), TIMES_MONGORESTORE)] : []),
      goal("times the figure recorded of Percona Backup", ours / PBM_APPLY_PER_SECOND, TIMES_PBM),
    ],
    notes: [
      "Ours includes reading and verifying the whole log before anything is applied, and the last confirmation by the majority. After each run of ours and of the prepared commands the target's dbHash was equal to the source's.",
      ...(dump ? [] : ["mongorestore is not on the PATH: the comparison with it was left out."]),
    ],
    data: runs,
  };
}

/** @type {Record<string, string>} */
const LABELS = {
  sender: "prepared commands in 4 lanes",
  changeStream: "ours, from change events",
  oplog: "ours, from oplog entries",
  mongorestore: "mongorestore --oplogReplay of our export",
};

/** @param {string} what @param {number} value @param {number} limit */
const goal = (what, value, limit) => ({ what, limit: `≥ ${limit}`, value: value.toFixed(2), reached: value >= limit });

async function mongorestoreTool() {
  return promisify(execFile)("mongorestore", ["--version"]).then(
    () => true,
    () => false,
  );
}

/** @param {Bench} bench @param {string} storeUri @param {string} after @param {string} to */
async function exportForMongorestore({ servers }, storeUri, after, to) {
  const location = await openStore(storeUri);
  const store = await location.log("change-stream");
  let [events, last] = [0, BigInt(after)];
  for await (const { clusterTime } of readEvents(store, { to: BigInt(to) })) {
    last = clusterTime;
    if (++events === MONGORESTORE_EVENTS) break;
  }
  const folder = join(await servers.folder(), "dump");
  const report = await exportLog({ store, after: BigInt(after), to: last, format: "oplog-bson", out: join(folder, "oplog.bson") });
  await location.close();
  return { folder, events: report.events };
}

/** @param {{ folder: string, events: number }} dump @param {string} uri @returns {Promise<Applied>} */
async function mongorestore({ folder, events }, uri) {
  const started = performance.now();
  await promisify(execFile)("mongorestore", ["--quiet", `--uri=${uri}`, "--oplogReplay", folder]);
  return { events, seconds: (performance.now() - started) / 1000 };
}
