/** What a server with many clusters takes: memory, CPU time while nothing happens, and how fast its list of clusters is answered. */
import { quantile } from "./in-turn.mjs";
import { loadAverage } from "./machine.mjs";
import { ManagedServer } from "./managed-server.mjs";

/** @typedef {import('./run.mjs').Bench} Bench */

/** As many small clusters as one server is to carry inside its own process. */
const IN_PROCESS = 200;
const BASE_MB = 200;
const MB_A_COLLECTOR = 3;
const IDLE_CORE = 0.2;

/** As many processes of their own. */
const PROCESSES = 20;
const MB_A_PROCESS = 90;

const REQUESTS_PER_SECOND = 50;
const API_P99_MS = 50;

/** What starting left behind is settled by then, and headroom, checkpoints and summaries have come by. */
const SETTLE_MS = 30_000;
const MEASURE_MS = 30_000;

/** @param {Bench} bench @returns {Promise<import('./report.mjs').Figure>} */
export async function managerFigures({ servers, log }) {
  const [source, store, folder] = [await servers.source(), await servers.store(), await servers.folder()];
  const load = loadAverage();
  // The source has no one else who writes: what its own no-ops cause is all that there is.
  const place = { metadataUri: store.uri, sourceUri: source.uri, storeUri: store.uri.replace("/?", "/oplog_bench_manager?"), folder, log };

  const many = await ManagedServer.start({ ...place, runner: "in-process", clusters: IN_PROCESS });
  let inProcess;
  try {
    await sleep(SETTLE_MS);
    const cpu = await many.coresUsed(MEASURE_MS);
    const memoryMB = await many.memoryMB();
    const answers = await many.answerTimes(REQUESTS_PER_SECOND, MEASURE_MS);
    inProcess = { cpu, memoryMB, memoryWhileAskedMB: await many.memoryMB(), p50: quantile(answers, 0.5), p99: quantile(answers, 0.99) };
  } finally {
    await many.stop();
  }
  const few = await ManagedServer.start({ ...place, runner: "process", clusters: PROCESSES });
  let processes;
  try {
    await sleep(SETTLE_MS);
    const each = await few.childrenMemoryMB();
    processes = {
      largestMB: Math.max(...each),
      meanMB: each.reduce((sum, mb) => sum + mb, 0) / each.length,
      serverMB: await few.memoryMB(),
    };
  } finally {
    await few.stop();
  }
  await store.client.db("oplog_bench_manager").dropDatabase();

  const limitMB = BASE_MB + IN_PROCESS * MB_A_COLLECTOR;
  const goal = (/** @type {string} */ what, /** @type {number} */ value, /** @type {number} */ limit, digits = 0) => ({
    what,
    limit: `≤ ${limit}`,
    value: value.toFixed(digits),
    reached: value <= limit,
  });
  return {
    name: "manager",
    title: `A server with ${IN_PROCESS} collectors in its own process, and one with ${PROCESSES} processes`,
    columns: ["", "measured"],
    rows: [
      [`resident memory of the server, ${IN_PROCESS} collectors in-process, MB`, `${Math.round(inProcess.memoryMB)}`],
      ["a collector's part of it, MB", ((inProcess.memoryMB - processes.serverMB) / IN_PROCESS).toFixed(1)],
      ["its CPU time while nothing is written, of one core", inProcess.cpu.toFixed(2)],
      [`GET /api/clusters at ${REQUESTS_PER_SECOND} requests/s, p50 / p99 ms`, `${inProcess.p50.toFixed(1)} / ${inProcess.p99.toFixed(1)}`],
      [
        "resident memory of a collector's own process, mean / largest MB",
        `${Math.round(processes.meanMB)} / ${Math.round(processes.largestMB)}`,
      ],
      [`resident memory of the server beside ${PROCESSES} processes, MB`, `${Math.round(processes.serverMB)}`],
    ],
    goals: [
      goal(`resident memory with ${IN_PROCESS} collectors in-process, MB`, inProcess.memoryMB, limitMB),
      goal("CPU while nothing is written, of one core", inProcess.cpu, IDLE_CORE, 2),
      goal("p99 of GET /api/clusters, ms", inProcess.p99, API_P99_MS, 1),
      goal("largest of the collectors' processes, MB", processes.largestMB, MB_A_PROCESS),
    ],
    notes: [
      "Each cluster is one database of one replica set, its log in a MongoDB store: change streams, leases, checkpoints and headroom as in use, and no writes.",
    ],
    data: { inProcess, processes, load },
  };
}

const sleep = (/** @type {number} */ ms) => new Promise((resolve) => setTimeout(resolve, ms));
