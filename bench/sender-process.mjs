/**
 * The ceiling for apply: the same writes as raw insert and update commands that are ready before the clock starts, split by `_id` into lanes, sent
 * as fast as the server takes them. No log is read, nothing verified, no progress kept.
 */
import { BSON, MongoClient } from "mongodb";
import { DocumentSequence } from "mongodb/lib/cmap/commands.js";
import { openStore, readEvents } from "../packages/collector-core/dist/index.js";
import { onTask } from "./child.mjs";
import { peakMemoryMB } from "./machine.mjs";
import { COLLECTION, DATABASE } from "./workload.mjs";

/** As apply does: so many lanes, so many statements a command, and events of a lane that are put in order of inserts and updates. */
const LANES = 4;
const STATEMENTS = 2_000;
const WINDOW = 5_000;

/** How often it says how far it is: for the rate over time. */
const SAMPLE_MS = 500;

/** @typedef {{ insert: Buffer[], update: Buffer[], events: number }} Window */
/** @typedef {{ command: "insert" | "update", statements: Buffer[] }} Command */

onTask(async (/** @type {{ store: string, name: string, to: string, target: string }} */ task) => {
  const location = await openStore(task.store);
  const { lanes, events } = await prepare(await location.log(task.name), BigInt(task.to));
  await location.close();
  const client = await new MongoClient(task.target, { maxPoolSize: LANES }).connect();
  const db = client.db(DATABASE);
  try {
    const usedBefore = process.resourceUsage();
    const started = performance.now();
    let done = 0;
    const sampling = setInterval(() => process.send?.({ at: performance.now(), events: done }), SAMPLE_MS);
    await db.createCollection(COLLECTION);
    await Promise.all(
      lanes.map(async (commands) => {
        for (const { command, statements } of commands) {
          const sequence = new DocumentSequence(command === "insert" ? "documents" : "updates");
          for (const bytes of statements) sequence.push({}, bytes);
          const reply = await db.command({
            [command]: COLLECTION,
            [command === "insert" ? "documents" : "updates"]: sequence,
            ordered: true,
            bypassDocumentValidation: true,
            writeConcern: { w: 1 },
          });
          if (reply.n !== statements.length)
            throw new Error(`${command}: ${reply.n} of ${statements.length}: ${JSON.stringify(reply.writeErrors?.[0])}`);
          done += statements.length;
        }
      }),
    );
    clearInterval(sampling);
    process.send?.({ at: performance.now(), events: done });
    const seconds = (performance.now() - started) / 1000;
    const used = process.resourceUsage();
    return {
      events,
      seconds,
      cpuSeconds: (used.userCPUTime + used.systemCPUTime - usedBefore.userCPUTime - usedBefore.systemCPUTime) / 1e6,
      peakMB: await peakMemoryMB(),
    };
  } finally {
    await client.close();
  }
});

/**
 * Knows the workload, and nothing of our apply: inserts, and updates that set fields.
 * @param {import('../packages/collector-core/dist/index.js').Store} store @param {bigint} to
 */
async function prepare(store, to) {
  /** @type {{ commands: Command[], window: Window }[]} */
  const lanes = Array.from({ length: LANES }, () => ({ commands: [], window: { insert: [], update: [], events: 0 } }));
  let events = 0;
  for await (const { bytes, kind } of readEvents(store, { to })) {
    if (kind.namespace !== `${DATABASE}.${COLLECTION}` || kind.operation === "create") continue;
    events++;
    const event = BSON.deserialize(bytes, { promoteValues: false });
    const { _id } = event.documentKey;
    const lane = /** @type {(typeof lanes)[number]} */ (lanes[_id.id[11] % LANES]);
    if (kind.operation === "insert") lane.window.insert.push(Buffer.from(BSON.serialize(event.fullDocument)));
    else {
      const { u, i } = event.rawUpdateDescription.diff;
      lane.window.update.push(Buffer.from(BSON.serialize({ q: { _id }, u: { $set: { ...u, ...i } } })));
    }
    lane.window.events++;
    if (lane.window.events === WINDOW) seal(lane);
  }
  for (const lane of lanes) seal(lane);
  return { events, lanes: lanes.map(({ commands }) => commands) };
}

/** @param {{ commands: Command[], window: Window }} lane */
function seal(lane) {
  for (const command of /** @type {const} */ (["insert", "update"]))
    for (let at = 0; at < lane.window[command].length; at += STATEMENTS)
      lane.commands.push({ command, statements: lane.window[command].slice(at, at + STATEMENTS) });
  lane.window = { insert: [], update: [], events: 0 };
}
