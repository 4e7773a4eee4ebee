/**
 * What is written to the source: orders of a shop, 60 % inserts and 40 % updates, as in the figures recorded of others: about 480 B as an
 * oplog entry and 536 B as a change event. From a seed, so that every run writes the same.
 */
import { ObjectId } from "mongodb";

/** @typedef {import('mongodb').MongoClient} MongoClient */
/** @typedef {{ _id: ObjectId, order: number, customer: string, status: string, total: number, at: Date, changedAt: Date, note: string }} Order */

export const DATABASE = "shop";
export const COLLECTION = "orders";

/** Of every ten events. */
const INSERTS = 6;
const UPDATES = 4;
/** Documents a command: what applications that load data use. */
const BULK = 1_000;

const STATUSES = ["new", "paid", "packed", "sent", "returned"];
const PRODUCTS = ["kettle", "lamp", "chair", "notebook", "bicycle bell", "umbrella", "teapot", "clock"];

/** Makes the same orders for the same seed. */
export class Orders {
  /** @type {ObjectId[]} */
  #ids = [];
  #state;

  constructor(seed = 1) {
    this.#state = seed;
  }

  /** @returns {Order} */
  insert() {
    const order = this.#ids.length;
    const _id = new ObjectId();
    this.#ids.push(_id);
    const at = new Date();
    return {
      _id,
      order,
      customer: `customer-${this.#below(10_000)}`,
      status: "new",
      total: this.#below(100_000) / 100,
      at,
      // There from the beginning: an update that adds a field is another, rarer thing.
      changedAt: at,
      note: this.#note(),
    };
  }

  update() {
    return {
      q: { _id: this.#ids[this.#below(this.#ids.length)] },
      u: { $set: { status: STATUSES[this.#below(STATUSES.length)], changedAt: new Date(), note: this.#note() } },
    };
  }

  /** What a clerk's form leaves: the same phrases with a product and a number. */
  #note() {
    const product = PRODUCTS[this.#below(PRODUCTS.length)];
    return `Please deliver the ${product} to the back door, ring twice and leave it with the neighbours if nobody answers; gift wrapping: ${
      this.#below(2) ? "yes" : "no"
    }; shelf ${this.#below(100)}`;
  }

  /** A linear congruential generator: the workload needs variety, not good randomness. @param {number} limit */
  #below(limit) {
    this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((this.#state / 2 ** 32) * limit);
  }
}

/**
 * Writes the backlog; returns the cluster times between which its oplog entries lie: after `from`, up to `to`.
 * @param {MongoClient} client @param {number} events @param {(line: string) => void} log
 */
export async function writeBacklog(client, events, log) {
  const db = client.db(DATABASE);
  const from = await clusterTimeOf(client);
  const orders = new Orders();
  for (let written = 0; written < events; ) {
    const bulk = Math.min(BULK, events - written);
    const inserts = Math.ceil((bulk * INSERTS) / (INSERTS + UPDATES));
    await db.collection(COLLECTION).insertMany(
      Array.from({ length: inserts }, () => orders.insert()),
      { writeConcern: { w: 1 } },
    );
    if (bulk > inserts)
      await db.collection(COLLECTION).bulkWrite(
        Array.from({ length: bulk - inserts }, () => updateOne(orders)),
        { ordered: true, writeConcern: { w: 1 } },
      );
    written += bulk;
    if (written % 100_000 === 0) log(`  ${written} events written`);
  }
  // Majority: from here on the stream can show all of it.
  await db.command({ insert: `${COLLECTION}.end`, documents: [{ end: true }], writeConcern: { w: "majority" } });
  return { from, to: await clusterTimeOf(client) };
}

/**
 * A live load: `perSecond` events in small commands at an even pace. Calls `onAcknowledged` with how many events have been written and
 * acknowledged by the majority. What could not be written in time is made up for at once.
 * @param {MongoClient} client @param {{ collection: string, perSecond: number, seconds: number, onAcknowledged: (events: number, at: number) => void }} options
 */
export async function writeLive(client, { collection, perSecond, seconds, onAcknowledged }) {
  const db = client.db(DATABASE);
  const orders = new Orders();
  const started = performance.now();
  let acknowledged = 0;
  while (acknowledged < perSecond * seconds) {
    const due = Math.min(Math.floor(((performance.now() - started) / 1000) * perSecond), perSecond * seconds);
    // Ten at a time keep the proportion of the backlog.
    for (; acknowledged + INSERTS + UPDATES <= due; ) {
      const rounds = Math.min(MOST_ROUNDS, Math.floor((due - acknowledged) / (INSERTS + UPDATES)));
      const documents = Array.from({ length: rounds * INSERTS }, () => orders.insert());
      await db.command({ insert: collection, documents, writeConcern: { w: "majority" } });
      acknowledged += documents.length;
      onAcknowledged(acknowledged, wallClock());
      const updates = Array.from({ length: rounds * UPDATES }, () => orders.update());
      await db.command({ update: collection, updates, writeConcern: { w: "majority" } });
      acknowledged += updates.length;
      onAcknowledged(acknowledged, wallClock());
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return { seconds: (performance.now() - started) / 1000 };
}

/** Ten events a round: how many rounds a command may hold while it makes up for lost time. */
const MOST_ROUNDS = 20;

/** Milliseconds since the epoch with a fraction; the same clock in all processes of the machine. */
export const wallClock = () => performance.timeOrigin + performance.now();

/** @param {Orders} orders @returns {import('mongodb').AnyBulkWriteOperation} */
function updateOne(orders) {
  const { q, u } = orders.update();
  return { updateOne: { filter: q, update: u } };
}

/** What a collection holds, as the server sums it up. @param {MongoClient} client @returns {Promise<string>} */
export async function contentOf(client) {
  const { collections } = await client.db(DATABASE).command({ dbHash: 1, collections: [COLLECTION] });
  return collections[COLLECTION];
}

/** The newest cluster time of the set. @param {MongoClient} client @returns {Promise<bigint>} */
async function clusterTimeOf(client) {
  const { operationTime } = await client.db("admin").command({ ping: 1 });
  return operationTime.toBigInt();
}
