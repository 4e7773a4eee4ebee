/** How fast a stored log is read back and proved: every hash, the chain, every count. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { openStore, readEvents, verifyLog } from "../packages/collector-core/dist/index.js";
import { backlogOf, captureBacklog } from "./backlog.mjs";
import { inTurn, median } from "./in-turn.mjs";

const NAME = "verify";
const DATABASE = "oplog_bench_verify";

/** @param {import('./run.mjs').Bench} bench @returns {Promise<import('./report.mjs').Figure>} */
export async function verifyRate(bench) {
  const { servers, repeat, log } = bench;
  const backlog = await backlogOf(bench);
  const { events, bytes } = backlog.sent["change-stream"];
  const store = await servers.store();
  const folder = join(await servers.folder(), "verify");
  /** @type {Record<string, string>} */
  const stores = { MongoDB: store.uri.replace("/?", `/${DATABASE}?`), files: pathToFileURL(folder).href };
  log("Verifying …");
  /** @type {Record<string, () => Promise<number>>} */
  const things = {};
  const locations = [];
  for (const [where, uri] of Object.entries(stores)) {
    await captureBacklog(backlog, { store: uri, name: NAME });
    const location = await openStore(uri);
    locations.push(location);
    const opened = await location.log(NAME);
    things[`verify, from ${where}`] = () =>
      perSecond(async () => {
        const { ok, events: verified, bad } = await verifyLog(opened, NAME);
        if (!ok) throw new Error(`verify: segment ${bad?.segment} ${bad?.problem}`);
        return verified;
      });
    things[`read every event, from ${where}`] = () =>
      perSecond(async () => {
        let read = 0;
        for await (const _ of readEvents(opened)) read++;
        return read;
      });
  }
  const runs = await inTurn(repeat, things, (name, rate) => log(`  ${name}: ${Math.round(rate)} events/s`));
  for (const location of locations) await location.close();
  await store.client.db(DATABASE).dropDatabase();
  await rm(folder, { recursive: true });
  return {
    name: "verify-rate",
    title: `Reading back: a log of ${events} change events`,
    columns: ["", "events/s", "MB/s of events"],
    rows: Object.entries(runs).map(([what, rates]) => {
      const rate = median(rates);
      return [what, `${Math.round(rate)}`, `${Math.round((rate * bytes) / events / 1e6)}`];
    }),
    goals: [],
    notes: [],
    data: runs,
  };

  /** @param {() => Promise<number>} read */
  async function perSecond(read) {
    const started = performance.now();
    const found = await read();
    if (found !== events) throw new Error(`${found} events were read back; ${events} were stored`);
    return (events / (performance.now() - started)) * 1000;
  }
}
