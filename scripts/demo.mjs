/**
 * `npm run demo`: a source replica set with a small live workload, a store beside it, and a collector between them; shows in the terminal
 * what is covered. Everything runs on 127.0.0.1 in temporary folders and is gone after Ctrl-C.
 */
import { stderr, stdout } from "node:process";
import { MongoClient } from "mongodb";
import {
  ChangeStreamSource,
  Collector,
  dateOf,
  formatClusterTime,
  openStore,
  readCoverage,
} from "../packages/collector-core/dist/index.js";
import { startReplicaSet } from "./replica-set.mjs";

const NAME = "demo";
/** Often enough to see it live, seldom enough to read it. */
const REDRAW_MS = 1_000;
/** About what a small shop writes: inserts, updates and a delete now and then. */
const WRITES_PER_SECOND = 40;
/** A second beside another: the source must not fill the machine. */
const OPLOG_MB = 64;

const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => stop.abort());

stderr.write("Starting a source and a store (two small mongod on 127.0.0.1) …\n");
const log = (/** @type {string} */ line) => stderr.write(`  ${line}\n`);
const source = await startReplicaSet({ name: "demo-source", oplogSizeMB: OPLOG_MB, log });
const store = await startReplicaSet({ name: "demo-store", oplogSizeMB: OPLOG_MB, log });
const storeUri = store.uri.replace("/?", "/oplog_store?");
const client = new MongoClient(source.uri);
const captured = new ChangeStreamSource({ uri: source.uri });
const location = await openStore(storeUri);
try {
  const demoLog = await location.log(NAME);
  const collector = new Collector({ name: NAME, source: captured, store: demoLog });
  const running = collector.run(stop.signal).finally(() => stop.abort());
  await Promise.all([running, work(), show(collector, demoLog)]);
} finally {
  await Promise.allSettled([captured.close(), client.close(), location.close()]);
  await Promise.all([source.stop(), store.stop()]);
}
stderr.write("\nStopped: what was captured was sealed and stored. The servers and their data are removed.\n");

/** A little shop: orders come, change and go. */
async function work() {
  const orders = client.db("shop").collection("orders");
  for (let order = 0; !stop.signal.aborted; order++) {
    await orders.insertOne({ order, customer: `customer-${order % 17}`, total: order % 100, status: "new", at: new Date() });
    if (order % 3 === 0)
      await orders.updateOne({ order: Math.floor(order / 2) }, { $set: { status: "paid" }, $currentDate: { changed: true } });
    if (order % 10 === 9) await orders.deleteOne({ order: order - 9 });
    await pause(1000 / WRITES_PER_SECOND);
  }
}

/** @param {Collector} collector @param {import("../packages/collector-core/dist/index.js").Store} demoLog */
async function show(collector, demoLog) {
  let drawn = 0;
  while (!stop.signal.aborted) {
    const lines = await picture(collector, demoLog);
    if (stdout.isTTY && drawn > 0) stdout.write(`\x1b[${drawn}A\x1b[J`);
    stdout.write(`${lines.join("\n")}\n`);
    drawn = lines.length;
    await pause(REDRAW_MS);
  }
}

/** @param {Collector} collector @param {import("../packages/collector-core/dist/index.js").Store} demoLog */
async function picture(collector, demoLog) {
  const { state, events, storedBytes, lagMs, error } = collector.status;
  const { timelines, gaps, bytes, segments } = await readCoverage(demoLog);
  const newest = timelines.at(-1);
  const covered = newest
    ? `${formatClusterTime(newest.from.clusterTime)} to ${formatClusterTime(newest.to.clusterTime)}  (${dateOf(newest.to.clusterTime).toISOString()})`
    : "nothing yet";
  return [
    "",
    `  state     ${state}${error ? `: ${error.message}` : ""}`,
    `  captured  ${events} events, ${kilobytes(bytes)} in ${segments} segments, stored as ${kilobytes(storedBytes)}`,
    `  covered   ${covered}`,
    `  gaps      ${gaps.length === 0 ? "none" : gaps.map((gap) => gap.cause).join("; ")}`,
    `  lag       ${lagMs === null ? "not known yet" : `${lagMs} ms`}`,
    "",
    `  npx oplog range  --store '${storeUri}' --name ${NAME}`,
    `  npx oplog events --store '${storeUri}' --name ${NAME} --limit 3`,
    "  Ctrl-C ends it.",
  ];
}

/** @param {number} bytes */
function kilobytes(bytes) {
  return `${Math.ceil(bytes / 1024)} kB`;
}

/** @param {number} ms */
function pause(ms) {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    function done() {
      clearTimeout(timer);
      stop.signal.removeEventListener("abort", done);
      resolve(undefined);
    }
    stop.signal.addEventListener("abort", done, { once: true });
  });
}
