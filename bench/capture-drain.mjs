/** How fast a backlog is drained into a durable store, beside the same stream read raw and thrown away. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { backlogOf, captureBacklog, drainCeiling } from "./backlog.mjs";
import { inTurn, median } from "./in-turn.mjs";
import { cpuSeconds, loadAverage } from "./machine.mjs";
import { DRAIN_ELSEWHERE } from "./recorded-elsewhere.mjs";

/** @typedef {import('./run.mjs').Bench} Bench */
/** @typedef {import('./backlog.mjs').Drained & { storedBytes?: number, sourceCpuSeconds: number, load: number }} Drain */

/** What must hold: of the ceiling, by store; events a second, the most that was recorded of another tool; MB; of the events' bytes. */
const OF_CEILING = { "change-stream": { mongodb: 0.9, file: 0.9 }, oplog: { mongodb: 0.4, file: 0.7 } };
const AHEAD_OF = { "change-stream": 35_700, oplog: 256_000 };
const PEAK_MB = 250;
const OF_BYTES = 0.1;

const DATABASE = "oplog_bench";

/** How many backlogs are drained as one: the raw oplog is read so fast that one alone would take a second, and show how a process warms up. */
const TIMES = { "change-stream": 1, oplog: 4 };

/** @param {Bench} bench */
export const changeStreamDrain = (bench) => captureDrain(bench, "change-stream");

/** @param {Bench} bench */
export const oplogDrain = (bench) => captureDrain(bench, "oplog");

/** @param {Bench} bench @param {import('./backlog.mjs').Capture} capture @returns {Promise<import('./report.mjs').Figure>} */
async function captureDrain(bench, capture) {
  const { servers, repeat, log } = bench;
  const backlog = await backlogOf(bench, bench.events * TIMES[capture]);
  const { source, from, to } = backlog;
  const { events, bytes } = backlog.sent[capture];
  const store = await servers.store();
  const folder = join(await servers.folder(), "drain");
  let run = 0;

  /** @param {() => Promise<import('./backlog.mjs').Drained & { storedBytes?: number }>} drain @returns {Promise<Drain>} */
  const measured = async (drain) => {
    const [load, before] = [loadAverage(), await cpuSeconds(source.pid)];
    const drained = await drain();
    return { ...drained, events, load, sourceCpuSeconds: (await cpuSeconds(source.pid)) - before };
  };
  /** @param {string} uri */
  const ours = (uri) => measured(() => captureBacklog(backlog, { store: uri, name: `drain-${++run}`, capture }));
  log(`Draining it (${capture}): the ceiling and ours in turn …`);
  const runs = await inTurn(
    repeat,
    {
      ceiling: () => measured(() => drainCeiling(source, { from, to, capture })),
      mongodb: async () => {
        const drained = await ours(store.uri.replace("/?", `/${DATABASE}?`));
        await store.client.db(DATABASE).dropDatabase();
        return drained;
      },
      file: async () => {
        const drained = await ours(pathToFileURL(folder).href);
        await rm(folder, { recursive: true });
        return drained;
      },
    },
    (name, { events, seconds, load }) => log(`  ${name}: ${Math.round(events / seconds)} events/s (load ${load})`),
  );

  const ceiling = /** @type {Drain[]} */ (runs.ceiling);
  const rows = Object.entries(runs).map(([name, drains]) => row(LABELS[name] ?? name, drains, ceiling));
  const slowest = Math.round(Math.min(...rows.map(({ perSecond }) => perSecond)));
  const stored = Math.max(...rows.map(({ ofBytes }) => ofBytes ?? 0));
  const peak = Math.max(...rows.filter(({ ofBytes }) => ofBytes !== undefined).map(({ peakMB }) => peakMB));
  return {
    name: capture === "oplog" ? "oplog-drain" : "capture-drain",
    title: `Capture (${capture}): drain of a backlog of ${events} events of ${Math.round(bytes / events)} B`,
    columns: COLUMNS,
    rows: [...rows.map(cells), ...DRAIN_ELSEWHERE[capture]],
    goals: [
      ...Object.entries(OF_CEILING[capture]).map(([name, least]) => {
        const { what, ofCeiling } = /** @type {Row} */ (rows.find(({ what }) => what === LABELS[name]));
        return {
          what: `${what}: of the ceiling in the same run`,
          limit: `≥ ${least}`,
          value: ofCeiling.toFixed(2),
          reached: ofCeiling >= least,
        };
      }),
      {
        what: "slower of the two, events/s, against the most recorded of another tool",
        limit: `> ${AHEAD_OF[capture]}`,
        value: `${slowest}`,
        reached: slowest > AHEAD_OF[capture],
      },
      { what: "peak memory of the process, MB", limit: `≤ ${PEAK_MB}`, value: `${peak}`, reached: peak <= PEAK_MB },
      { what: "stored bytes of event bytes", limit: `≤ ${OF_BYTES}`, value: stored.toFixed(3), reached: stored <= OF_BYTES },
    ],
    notes: [
      "The ceiling is the same stream, read by raw commands and thrown away; each repetition runs it and ours one after another, and the ratio is the median of those pairs.",
    ],
    data: { runs, rows },
  };
}

/** @type {Record<string, string>} */
const LABELS = { ceiling: "the server's ceiling", mongodb: "ours → MongoDB (w: majority, j: true)", file: "ours → files (fsync)" };

const COLUMNS = ["", "events/s", "of the ceiling", "CPU s per million: process", "source's mongod", "peak MB", "stored B an event"];

/** @typedef {ReturnType<typeof row>} Row */

/** @param {string} what @param {Drain[]} drains @param {Drain[]} ceiling */
function row(what, drains, ceiling) {
  const perSecond = (/** @type {Drain} */ { events, seconds }) => events / seconds;
  const perMillion = (/** @type {Drain} */ { events }, /** @type {number} */ amount) => (amount / events) * 1e6;
  const stores = drains[0]?.storedBytes !== undefined;
  return {
    what,
    perSecond: median(drains.map(perSecond)),
    ofCeiling: median(drains.map((drain, pair) => perSecond(drain) / perSecond(/** @type {Drain} */ (ceiling[pair])))),
    cpu: median(drains.map((drain) => perMillion(drain, drain.cpuSeconds))),
    sourceCpu: median(drains.map((drain) => perMillion(drain, drain.sourceCpuSeconds))),
    peakMB: Math.max(...drains.map(({ peakMB }) => peakMB)),
    ...(stores && {
      storedPerEvent: median(drains.map(({ storedBytes = Number.NaN, events }) => storedBytes / events)),
      ofBytes: median(drains.map(({ storedBytes = Number.NaN, bytes }) => storedBytes / bytes)),
    }),
  };
}

/** @param {Row} row */
const cells = (row) => [
  row.what,
  `${Math.round(row.perSecond)}`,
  row.ofCeiling.toFixed(2),
  row.cpu.toFixed(1),
  row.sourceCpu.toFixed(1),
  `${row.peakMB}`,
  row.storedPerEvent?.toFixed(1) ?? "–",
];
