/** What the choice of a store costs: the same backlog drained into each, and read back from it whole. */
import { randomBytes } from "node:crypto";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { keyring, openStore, verifyLog } from "../packages/collector-core/dist/index.js";
import { startS3Server } from "../scripts/s3-server.mjs";
import { backlogOf, captureBacklog, drainCeiling } from "./backlog.mjs";
import { inTurn, median } from "./in-turn.mjs";

/** @typedef {{ label: string, uri: string, key?: Buffer, ofCeiling: number, clear: () => Promise<unknown> }} Place */
/** @typedef {{ perSecond: number, storedPerEvent?: number, verifiedPerSecond?: number }} Run */

/** Reading back whole and proving it. */
const VERIFIED_PER_SECOND = 150_000;

const NAME = "drain";
const DATABASE = "oplog_bench_entries";

/** @param {import('./run.mjs').Bench} bench @returns {Promise<import('./report.mjs').Figure>} */
export async function storeDrain(bench) {
  const s3 = await startS3Server();
  try {
    return await drainIntoEach(bench, s3);
  } finally {
    await s3.stop();
  }
}

/** @param {import('./run.mjs').Bench} bench @param {Awaited<ReturnType<typeof startS3Server>>} s3 @returns {Promise<import('./report.mjs').Figure>} */
async function drainIntoEach(bench, s3) {
  const { servers, repeat, log } = bench;
  const backlog = await backlogOf(bench);
  const { source, from, to } = backlog;
  const { events } = backlog.sent["change-stream"];
  const store = await servers.store();
  const folder = join(await servers.folder(), "stores");
  let bucket = 0;
  /** An object store of its own each time: this one keeps all in memory. */
  const emptied = async () => s3.createBucket(`logs-${++bucket}`);
  await emptied();
  const removed = () => rm(folder, { recursive: true });
  /** What is asked of each, of the ceiling in the same run. @type {Place[]} */
  const places = [
    { label: "files", uri: pathToFileURL(folder).href, ofCeiling: 0.9, clear: removed },
    { label: "files, encrypted", uri: pathToFileURL(folder).href, key: randomBytes(32), ofCeiling: 0.85, clear: removed },
    {
      label: "MongoDB, entries",
      uri: store.uri.replace("/?", `/${DATABASE}?layout=entries&`),
      ofCeiling: 0.4,
      clear: () => store.client.db(DATABASE).dropDatabase(),
    },
    { label: "object storage (moto, one request at a time)", uri: "s3", ofCeiling: 0.9, clear: emptied },
  ];
  log("Draining it into each store, and verifying it there …");
  const runs = await inTurn(
    repeat,
    {
      ceiling: async () => perSecond(events, (await drainCeiling(source, { from, to, capture: "change-stream" })).seconds),
      ...Object.fromEntries(places.map((place) => [place.label, () => drainInto(place)])),
    },
    (name, { perSecond, verifiedPerSecond }) =>
      log(`  ${name}: ${Math.round(perSecond)} events/s${verifiedPerSecond ? `, verified ${Math.round(verifiedPerSecond)} events/s` : ""}`),
  );
  const ceiling = /** @type {Run[]} */ (runs.ceiling);
  const figures = places.map(({ label, ofCeiling }) => {
    const ours = /** @type {Run[]} */ (runs[label]);
    return {
      label,
      limit: ofCeiling,
      perSecond: median(ours.map((run) => run.perSecond)),
      ofCeiling: median(ours.map((run, pair) => run.perSecond / /** @type {Run} */ (ceiling[pair]).perSecond)),
      stored: median(ours.map(({ storedPerEvent = Number.NaN }) => storedPerEvent)),
      verified: median(ours.map(({ verifiedPerSecond = Number.NaN }) => verifiedPerSecond)),
    };
  });
  return {
    name: "store-drain",
    title: `Stores: ${events} change events drained into each, and verified there`,
    columns: ["", "events/s", "of the ceiling", "stored B an event", "verified events/s"],
    rows: [
      ["the server's ceiling", `${Math.round(median(ceiling.map((run) => run.perSecond)))}`, "1.00", "–", "–"],
      ...figures.map((figure) => [
        figure.label,
        `${Math.round(figure.perSecond)}`,
        figure.ofCeiling.toFixed(2),
        figure.stored.toFixed(1),
        `${Math.round(figure.verified)}`,
      ]),
    ],
    goals: figures.flatMap(({ label, limit, ofCeiling, verified }) => [
      { what: `${label}, of the ceiling`, limit: `≥ ${limit}`, value: ofCeiling.toFixed(2), reached: ofCeiling >= limit },
      {
        what: `${label}, verified events/s`,
        limit: `≥ ${VERIFIED_PER_SECOND}`,
        value: `${Math.round(verified)}`,
        reached: verified >= VERIFIED_PER_SECOND,
      },
    ]),
    notes: [
      "Stored bytes are those of headers and payloads; of entries, what MongoDB keeps for fields and indexes comes on top.",
      "The object store is a Python server on the same machine: a lower bound, not what AWS or MinIO do.",
    ],
    data: { runs },
  };

  /** @param {Place} place @returns {Promise<Run>} */
  async function drainInto({ uri: given, key, clear }) {
    const uri = given === "s3" ? s3.uri(`logs-${bucket}/bench`) : given;
    if (key) process.env.OPLOG_STORE_KEY = key.toString("base64"); // as users give it: the collector's process has it from here
    try {
      const { seconds, storedBytes } = await captureBacklog(backlog, { store: uri, name: NAME });
      const location = await openStore(uri, key && { keys: keyring([key]) });
      const started = performance.now();
      const { ok, events: verified } = await verifyLog(await location.log(NAME), NAME);
      const verifySeconds = (performance.now() - started) / 1000;
      await location.close();
      if (!ok || verified !== events) throw new Error(`${verified} of ${events} events were verified`);
      return {
        ...perSecond(events, seconds),
        storedPerEvent: storedBytes / events,
        verifiedPerSecond: events / verifySeconds,
      };
    } finally {
      delete process.env.OPLOG_STORE_KEY;
      await clear();
    }
  }
}

/** @param {number} events @param {number} seconds @returns {Run} */
const perSecond = (events, seconds) => ({ perSecond: events / seconds });
