/**
 * `npm run bench`: what we reach beside the server's own ceiling, in one run on one machine, and the figures recorded of others.
 *
 *   npm run bench -- --only capture-drain --events 100000 --repeat 3
 *
 * Everything runs on 127.0.0.1 in temporary folders, and is gone at the end.
 */
import { parseArgs } from "node:util";
import { applyRate } from "./apply.mjs";
import { changeStreamDrain, oplogDrain } from "./capture-drain.mjs";
import { dashboardLoad } from "./dashboard.mjs";
import { kafkaForward } from "./kafka-forward.mjs";
import { changeStreamLag, oplogLag } from "./live-lag.mjs";
import { longRestore } from "./long-restore.mjs";
import { describeMachine, loadAverage } from "./machine.mjs";
import { managerFigures } from "./manager.mjs";
import { applyProfile, captureProfile, oplogProfile } from "./profiles.mjs";
import { printFigure, saveResults } from "./report.mjs";
import { Servers } from "./servers.mjs";
import { storeDrain } from "./store-drain.mjs";
import { verifyRate } from "./verify-rate.mjs";

/** @typedef {import('./report.mjs').Figure} Figure */
/** @typedef {{ events: number, longEvents: number, repeat: number, rpoMs: number, seconds: number, servers: Servers, log: (line: string) => void }} Bench */

/** @type {Record<string, (bench: Bench) => Promise<Figure>>} */
const FIGURES = {
  "capture-drain": changeStreamDrain,
  "oplog-drain": oplogDrain,
  "capture-profile": captureProfile,
  "oplog-profile": oplogProfile,
  "live-lag": changeStreamLag,
  "oplog-lag": oplogLag,
  "verify-rate": verifyRate,
  "store-drain": storeDrain,
  "kafka-forward": kafkaForward,
  apply: applyRate,
  "apply-profile": applyProfile,
  "long-restore": longRestore,
  dashboard: dashboardLoad,
  manager: managerFigures,
};

const USAGE = `npm run bench -- [options]
  --only NAME     only this figure; may be given more than once: ${Object.keys(FIGURES).join(", ")}
  --events N      events of the backlog (500000)
  --long-events N events of the log whose restore is watched (5000000)
  --repeat N      repetitions, ours and the ceiling in turn (3)
  --seconds N     how long the live load lasts (60)
  --rpo MS        recovery point objective of the live load (1000)
  --json          the results as one JSON document on stdout, instead of tables
  --save          keeps them in bench/results/latest.json and in docs/performance.md`;

const { values } = parseArgs({
  options: {
    only: { type: "string", multiple: true },
    events: { type: "string", default: "500000" },
    "long-events": { type: "string", default: "5000000" },
    repeat: { type: "string", default: "3" },
    seconds: { type: "string", default: "60" },
    rpo: { type: "string", default: "1000" },
    json: { type: "boolean", default: false },
    save: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
const names = values.only ?? Object.keys(FIGURES);
const unknown = names.find((name) => !FIGURES[name]);
if (values.help || unknown) {
  process.stderr.write(`${unknown ? `There is no figure ${unknown}.\n` : ""}${USAGE}\n`);
  process.exit(values.help ? 0 : 2);
}

const log = (/** @type {string} */ line) => process.stderr.write(`${line}\n`);
const servers = new Servers(log);
/** @type {Figure[]} */
const figures = [];
const started = { at: new Date().toISOString(), load: loadAverage() };
try {
  for (const name of names) {
    const figure = /** @type {(typeof FIGURES)[string]} */ (FIGURES[name]);
    figures.push(
      await figure({
        events: count("events"),
        longEvents: count("long-events"),
        repeat: count("repeat"),
        rpoMs: count("rpo"),
        seconds: count("seconds"),
        servers,
        log,
      }),
    );
    if (!values.json) printFigure(/** @type {Figure} */ (figures.at(-1)));
  }
} finally {
  await servers.stop();
}
const results = { schemaVersion: 1, ...started, loadAtEnd: loadAverage(), machine: await describeMachine(), figures };
if (values.json) process.stdout.write(`${JSON.stringify(results, null, 2)}\n`);
if (values.save) await saveResults(results);
process.exitCode = figures.every(({ goals }) => goals.every(({ reached }) => reached)) ? 0 : 1;

/** @param {"events" | "long-events" | "repeat" | "seconds" | "rpo"} option */
function count(option) {
  const number = Number(values[option]);
  if (!Number.isSafeInteger(number) || number < 1) {
    process.stderr.write(`--${option} takes a whole number above 0\n`);
    process.exit(2);
  }
  return number;
}
