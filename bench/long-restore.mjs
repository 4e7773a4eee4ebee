/** A long log is restored: whether the rate falls and the memory grows with what has been applied. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { captureBacklog, writtenTo } from "./backlog.mjs";
import { runChild } from "./child.mjs";
import { quantile } from "./in-turn.mjs";
import { contentOf, DATABASE } from "./workload.mjs";

/** @typedef {{ at: number, events: number, memoryMB: number, cpuSeconds: number }} Sample CPU time since its start */

/** @typedef {{ at: number, events: number }} Progress */

/** The prepared writes are all in memory before the first is sent. */
const SENDER_HEAP_MB = 12_000;

/** The rows of the table. */
const PARTS = 10;

/** Of the rate of the second part, the last one's: the first has the target's files made and its cache filled. What one part meets by chance is below a fifth. */
const OF_RATE = 0.8;
/** What the target takes from writes that cost nothing to make ready falls as well: ours must not fall more. */
const OF_PREPARED = 0.9;
/** Of our CPU time for an event in the second part, the last one's: where this holds and the rate falls, it is the target that slows down. */
const OF_CPU = 1.2;
/** Of the largest memory in the first half (without its start) the largest in the second. */
const OF_MEMORY = 1.1;

/** @param {import('./run.mjs').Bench} bench @returns {Promise<import('./report.mjs').Figure>} */
export async function longRestore({ servers, longEvents, log }) {
  const [source, target] = [await servers.longSource(), await servers.longTarget()];
  const backlog = await writtenTo(source, longEvents, log);
  const folder = join(await servers.folder(), "long");
  const store = pathToFileURL(folder).href;
  log("Capturing it …");
  const { storedBytes } = await captureBacklog(backlog, { store, name: "long" });
  log("Sending the same writes, prepared, to an empty target …");
  /** @type {Progress[]} */
  const sent = [];
  /** @type {{ events: number }} */
  const sender = await runChild(
    "sender-process.mjs",
    { store, name: "long", to: backlog.to, target: target.uri },
    { onMessage: (message) => sent.push(/** @type {Progress} */ (message)), execArgv: [`--max-old-space-size=${SENDER_HEAP_MB}`] },
  );
  await target.client.db(DATABASE).dropDatabase();
  log("Applying it to an empty target …");
  /** @type {Sample[]} */
  const samples = [];
  const { from: after, to } = backlog;
  /** @type {{ events: number, seconds: number, cpuSeconds: number, peakMB: number }} */
  const applied = await runChild(
    "apply-process.mjs",
    { store, name: "long", after, to, target: target.uri },
    { onMessage: (message) => samples.push(/** @type {Sample} */ (message)) },
  );
  if ((await contentOf(target.client)) !== (await contentOf(source.client)))
    throw new Error("the target does not hold what the source holds");
  await target.client.db(DATABASE).dropDatabase();
  await rm(folder, { recursive: true });

  const parts = partsOf(samples, applied.events);
  const prepared = ratesOf(sent, sender.events);
  const [second, last] = [/** @type {Part} */ (parts[1]), /** @type {Part} */ (parts.at(-1))];
  const [begin, end] = [parts.slice(1, PARTS / 2), parts.slice(PARTS / 2)].map((half) => Math.max(...half.map(({ memoryMB }) => memoryMB)));
  const ofRate = last.perSecond / second.perSecond;
  const preparedOfRate = /** @type {number} */ (prepared.at(-1)) / /** @type {number} */ (prepared[1]);
  const ofCpu = last.cpuPerMillion / second.cpuPerMillion;
  const ofMemory = /** @type {number} */ (end) / /** @type {number} */ (begin);
  const beganAt = samples.find(({ events }) => events > 0)?.at ?? Number.NaN;
  const verifying = (beganAt - (samples[0]?.at ?? Number.NaN)) / 1000;
  return {
    name: "long-restore",
    title: `Restore: a log of ${applied.events} events, over time`,
    columns: ["part of the events", "events/s", "the same writes, prepared", "CPU s per million", "memory at most, MB"],
    rows: parts.map(({ perSecond, memoryMB, cpuPerMillion }, part) => [
      `${(part * 100) / PARTS} to ${((part + 1) * 100) / PARTS} %`,
      `${Math.round(perSecond)}`,
      `${Math.round(/** @type {number} */ (prepared[part]))}`,
      cpuPerMillion.toFixed(1),
      `${Math.round(memoryMB)}`,
    ]),
    goals: [
      { what: "rate of the last part, of the second's", limit: `≥ ${OF_RATE}`, value: ofRate.toFixed(2), reached: ofRate >= OF_RATE },
      {
        what: `the same, of that of the prepared writes (${preparedOfRate.toFixed(2)})`,
        limit: `≥ ${OF_PREPARED}`,
        value: (ofRate / preparedOfRate).toFixed(2),
        reached: ofRate / preparedOfRate >= OF_PREPARED,
      },
      {
        what: "our CPU time for an event in the last part, of the second's",
        limit: `≤ ${OF_CPU}`,
        value: ofCpu.toFixed(2),
        reached: ofCpu <= OF_CPU,
      },
      {
        what: "memory in the second half, of that in the first",
        limit: `≤ ${OF_MEMORY}`,
        value: ofMemory.toFixed(2),
        reached: ofMemory <= OF_MEMORY,
      },
    ],
    notes: [
      `${Math.round(applied.seconds)} s in all: ${verifying.toFixed(0)} s of them to read and verify the whole log before anything is applied (${Math.round(storedBytes / 1e6)} MB stored); ${Math.round(applied.events / applied.seconds)} events/s over all, ${((applied.cpuSeconds / applied.events) * 1e6).toFixed(1)} CPU s per million, peak ${applied.peakMB} MB. The target's dbHash was equal to the source's.`,
    ],
    data: { ...applied, samples },
  };
}

/** @typedef {{ perSecond: number, cpuPerMillion: number, memoryMB: number }} Part */

/** @param {Sample[]} samples @param {number} events @returns {Part[]} */
function partsOf(samples, events) {
  return inParts(samples, events).map(({ first, last, within }) => ({
    cpuPerMillion: ((last.cpuSeconds - first.cpuSeconds) / (last.events - first.events)) * 1e6,
    perSecond: perSecond(first, last),
    memoryMB: quantile(
      within.map(({ memoryMB }) => memoryMB),
      1,
    ),
  }));
}

/** @param {Progress[]} samples @param {number} events */
const ratesOf = (samples, events) => inParts(samples, events).map(({ first, last }) => perSecond(first, last));

/** @param {Progress} first @param {Progress} last */
const perSecond = (first, last) => ((last.events - first.events) / (last.at - first.at)) * 1000;

/** The same number of events each. @template {Progress} T @param {T[]} samples @param {number} events */
function inParts(samples, events) {
  const applying = samples.filter((sample) => sample.events > 0);
  return Array.from({ length: PARTS }, (_, part) => {
    const [low, high] = [(events * part) / PARTS, (events * (part + 1)) / PARTS];
    const within = applying.filter((sample) => sample.events >= low && sample.events <= high);
    const [first, last] = [within[0], within.at(-1)];
    if (!first || !last || first === last) throw new Error(`too few samples for a table: ${applying.length}; take more events`);
    return { first, last, within };
  });
}
