/** How long it takes from the acknowledgement of a write until the segment that holds its event is durable, under an even load. */
import { runChild } from "./child.mjs";
import { quantile } from "./in-turn.mjs";
import { cpuSeconds, loadAverage } from "./machine.mjs";
import { LIVE_ELSEWHERE } from "./recorded-elsewhere.mjs";
import { DATABASE, writeLive } from "./workload.mjs";

/** @typedef {import('./run.mjs').Bench} Bench */
/** @typedef {{ events: number, storedBytes: number, bytes: number, cpuSeconds: number, peakMB: number }} Captured */

/**
 * How many events a second each way of capture is shown, and what it may take beyond the recovery point objective: for the server's majority, the
 * way, compression and the store's disk.
 */
const LOADS = {
  "change-stream": { name: "live-lag", perSecond: 2_000, beyondRpoMs: 300 },
  oplog: { name: "oplog-lag", perSecond: 5_000, beyondRpoMs: 200 },
};

const STORE_DATABASE = "oplog_bench_live";

/** @param {Bench} bench */
export const changeStreamLag = (bench) => liveLag(bench, "change-stream");

/** @param {Bench} bench */
export const oplogLag = (bench) => liveLag(bench, "oplog");

/** @param {Bench} bench @param {import('./backlog.mjs').Capture} capture @returns {Promise<import('./report.mjs').Figure>} */
async function liveLag({ servers, rpoMs, seconds, log }, capture) {
  const { name, perSecond, beyondRpoMs } = LOADS[capture];
  const collection = `live-${capture}`;
  const [source, store] = [await servers.source(), await servers.store()];
  // Beforehand, so that every event is a write of ours.
  await source.client.db(DATABASE).createCollection(collection);
  log(`Live (${capture}): ${perSecond} events/s for ${seconds} s …`);
  /** @type {Mark[]} */
  const durable = [];
  /** @type {Mark[]} */
  const acknowledged = [];
  const load = loadAverage();
  let captured = /** @type {Promise<Captured> | undefined} */ (undefined);
  /** @type {import('node:child_process').ChildProcess | undefined} */
  let collector;
  /** @type {() => void} */
  let onChange = () => {};
  await new Promise((resolve, reject) => {
    captured = runChild(
      "live-process.mjs",
      { uri: source.uri, store: store.uri.replace("/?", `/${STORE_DATABASE}?`), name: "live", rpoMs, capture },
      {
        onStarted: (child) => {
          collector = child;
        },
        onMessage: (message) => {
          const { state, events, at } = /** @type {{ state: string, events: number, at: number }} */ (message);
          if (state === "running") resolve(undefined);
          durable.push({ events, at });
          onChange();
        },
      },
    );
    captured.catch(reject);
  });
  const cpuBefore = await cpuSeconds(source.pid);
  const written = await writeLive(source.client, {
    collection,
    perSecond,
    seconds,
    onAcknowledged: (events, at) => acknowledged.push({ events, at }),
  });
  const total = acknowledged.at(-1)?.events ?? 0;
  await new Promise((resolve) => {
    onChange = () => (durable.at(-1)?.events ?? 0) >= total && resolve(undefined);
    onChange();
  });
  collector?.send("stop");
  const result = await /** @type {Promise<Captured>} */ (/** @type {unknown} */ (captured));
  if (result.events !== total) throw new Error(`the log holds ${result.events} events, ${total} were written`);
  await store.client.db(STORE_DATABASE).dropDatabase();

  const lags = lagsOf(acknowledged, durable, total);
  const [p50, p99, max] = [quantile(lags, 0.5), quantile(lags, 0.99), quantile(lags, 1)];
  const rate = Math.round(total / written.seconds);
  const sourceCpu = ((await cpuSeconds(source.pid)) - cpuBefore) / total;
  return {
    name: rpoMs === 1_000 ? name : `${name}-${rpoMs}`,
    title: `Live (${capture}): ${rate} events/s for ${Math.round(written.seconds)} s, recovery point objective ${rpoMs} ms`,
    columns: ["from the write's acknowledgement until durable", "p50 ms", "p99 ms", "max ms"],
    rows: [[`ours → MongoDB (w: majority, j: true)`, ...[p50, p99, max].map((ms) => `${Math.round(ms)}`)], ...LIVE_ELSEWHERE],
    goals: [
      {
        what: "p99, ms",
        limit: `≤ ${rpoMs + beyondRpoMs}`,
        value: `${Math.round(p99)}`,
        reached: p99 <= rpoMs + beyondRpoMs,
      },
    ],
    notes: [
      `${total} events, ${((result.cpuSeconds / total) * 1e6).toFixed(1)} CPU s per million of them (the source's mongod ${(sourceCpu * 1e6).toFixed(1)}, writing them included), peak ${result.peakMB} MB, ${(result.storedBytes / total).toFixed(1)} stored bytes an event.`,
    ],
    data: { rpoMs, perSecond: rate, seconds: written.seconds, p50, p99, max, load, ...result },
  };
}

/** @typedef {{ events: number, at: number }} Mark so many events since the beginning, at this time in ms */

/**
 * For each event, in order: when it was durable minus when its write was acknowledged.
 * @param {Mark[]} acknowledged @param {Mark[]} durable @param {number} total
 */
function lagsOf(acknowledged, durable, total) {
  const lags = new Array(total);
  let [write, segment] = [0, 0];
  for (let event = 1; event <= total; event++) {
    while (/** @type {Mark} */ (acknowledged[write]).events < event) write++;
    while (/** @type {Mark} */ (durable[segment]).events < event) segment++;
    lags[event - 1] = /** @type {Mark} */ (durable[segment]).at - /** @type {Mark} */ (acknowledged[write]).at;
  }
  return lags;
}
