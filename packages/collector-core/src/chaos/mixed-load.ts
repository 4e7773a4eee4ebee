import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { type AnyBulkWriteOperation, type ClientSession, type Db, MongoClient, type WriteConcern } from "mongodb";
import { waitFor } from "../../../../scripts/wait-for.mjs";
import type { Random } from "../simulation/random.js";

interface Order {
  _id: number | string;
  at?: Date;
  n?: number;
  customer?: object;
  address?: { city: string };
  lines?: unknown[];
  note?: string;
}

/** So many write at the same time: transactions and DDL then fall between the writes of others. */
const WRITERS = 4;

/** Ids are drawn from so few that documents are written again and again, and deleted. */
const IDS = 5_000;

/** Between the tries of a writer whose server is away. */
const RETRY_MS = 100;

/**
 * Writes of every kind, going on until stopped, whatever happens to the server: inserts, updates, replacements, deletes, transactions (some of
 * hundreds of writes) and DDL. Which of them took effect is not its business: that is what the control reader reads from the source.
 */
export class MixedLoad {
  /** Events caused so far, counting only what was acknowledged. */
  events = 0;
  /** Writes that failed, as they do while a server is away. */
  failures = 0;
  private readonly client: MongoClient;
  private readonly db: Db;
  private stopping = false;
  private writers: Promise<void>[] = [];
  private startedAt = 0;
  private named = 0;

  constructor(
    uri: string,
    private readonly random: Random,
    private readonly options: { eventsPerSecond: number; database?: string },
  ) {
    this.client = new MongoClient(uri, { serverSelectionTimeoutMS: 5_000, appName: "chaos-load" });
    this.db = this.client.db(options.database ?? "shop");
  }

  start(): void {
    this.startedAt = Date.now();
    this.writers = Array.from({ length: WRITERS }, () => this.write(this.random.fork()));
  }

  async until(events: number, timeoutMs = 3_000_000): Promise<void> {
    await waitFor(`${events} events of load`, () => this.events >= events, { timeoutMs });
  }

  async stop(): Promise<void> {
    this.stopping = true;
    await Promise.all(this.writers);
  }

  /** One document that no codec makes smaller, and so large that a segment with it does not fit a document of the MongoDB store. */
  async insertLarge(): Promise<void> {
    const payload = randomBytes(15.9 * 1024 * 1024);
    await waitFor("a large document to be inserted", () =>
      this.db.collection("attachments").insertOne({ payload, n: this.named++ }, { writeConcern: { w: "majority" } }),
    );
    this.events++;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await this.client.close();
  }

  private async write(random: Random): Promise<void> {
    while (!this.stopping) {
      try {
        const caused = await this.step(random);
        this.events += caused;
      } catch {
        this.failures++;
        await sleep(RETRY_MS);
      }
      const due = this.startedAt + (this.events / this.options.eventsPerSecond) * 1000;
      if (due > Date.now() && !this.stopping) await sleep(Math.min(due - Date.now(), 200));
    }
  }

  /** Does one thing; resolves with about how many events that makes. */
  private step(random: Random): Promise<number> {
    const chance = random.next();
    // Half of all is acknowledged by the primary alone: those are the writes that a failover may undo.
    const writeConcern: WriteConcern | { w: 1 } = random.chance(0.5) ? { w: 1 } : { w: "majority" };
    if (chance < 0.75) return this.bulk(random, { writeConcern });
    if (chance < 0.9) return this.transaction(random);
    if (chance < 0.95) return this.pipelineUpdates(random);
    return this.ddl(random);
  }

  private async bulk(
    random: Random,
    options: { writeConcern?: WriteConcern | { w: 1 }; session?: ClientSession },
    most = 60,
  ): Promise<number> {
    const operations = Array.from({ length: random.between(1, most) }, () => this.operation(random));
    const orders = this.db.collection<Order>(random.pick(["orders", "archive"]));
    const { insertedCount, modifiedCount, upsertedCount, deletedCount } = await orders.bulkWrite(operations, options as object);
    return insertedCount + modifiedCount + upsertedCount + deletedCount;
  }

  private operation(random: Random): AnyBulkWriteOperation<Order> {
    const _id = random.between(0, IDS);
    const chance = random.next();
    if (chance < 0.35) return { insertOne: { document: { ...order(random), _id: `${_id}-${randomBytes(9).toString("base64url")}` } } };
    if (chance < 0.6)
      return {
        updateOne: { filter: { _id }, update: { $set: { at: new Date(), "address.city": word(random) }, $inc: { n: 1 } }, upsert: true },
      };
    if (chance < 0.7)
      return {
        updateOne: {
          filter: { _id },
          update: { $push: { lines: { $each: [random.between(0, 99)], $slice: -10 } }, $unset: { note: 1 } },
          upsert: true,
        },
      };
    if (chance < 0.85) return { replaceOne: { filter: { _id }, replacement: order(random), upsert: true } };
    return { deleteOne: { filter: { _id } } };
  }

  private async pipelineUpdates(random: Random): Promise<number> {
    const low = random.between(0, IDS);
    const { modifiedCount } = await this.db
      .collection<Order>("orders")
      .updateMany({ _id: { $gte: low, $lt: low + 20 } }, [{ $set: { total: { $add: [{ $ifNull: ["$n", 0] }, 1] }, before: "$total" } }]);
    return modifiedCount;
  }

  /** Over two collections; one in ten is large; some are aborted, and leave no trace. */
  private async transaction(random: Random): Promise<number> {
    const session = this.client.startSession();
    let events = 0;
    try {
      session.startTransaction({ writeConcern: { w: random.chance(0.5) ? 1 : "majority" } });
      for (let part = random.between(1, 3); part > 0; part--) events += await this.bulk(random, { session }, random.chance(0.1) ? 400 : 8);
      if (random.chance(0.15)) {
        await session.abortTransaction();
        return 0;
      }
      await session.commitTransaction();
      return events;
    } finally {
      await session.endSession();
    }
  }

  private async ddl(random: Random): Promise<number> {
    const { db } = this;
    const name = `temporary_${this.named++}`;
    switch (random.between(0, 5)) {
      case 0: {
        const created = await db.createCollection(name, random.chance(0.3) ? { capped: true, size: 65_536 } : {});
        await created.createIndex({ n: 1, at: -1 });
        await created.insertMany([{ n: 1 }, { n: 2 }]);
        await db.command({ collMod: name, validator: { n: { $gte: 0 } } });
        await created.rename(`${name}_renamed`);
        await db.dropCollection(`${name}_renamed`);
        return 7;
      }
      case 1: {
        await db.createCollection(name, { timeseries: { timeField: "t", metaField: "m" } });
        await db.collection(name).insertMany([1, 2, 3].map((v) => ({ t: new Date(), m: "a", v })));
        await db.dropCollection(name);
        return 6;
      }
      case 2: {
        await db.createCollection(name, { viewOn: "orders", pipeline: [{ $match: { n: { $gt: 5 } } }] });
        await db.dropCollection(name);
        return 2;
      }
      case 3: {
        await db.collection("orders").createIndex({ [`field_${name}`]: 1 }, { sparse: true });
        await db.collection("orders").dropIndex(`field_${name}_1`);
        return 2;
      }
      case 4: {
        const other = this.client.db(`${db.databaseName}_${name}`);
        await other.collection("a").insertMany([{ n: 1 }, { n: 2 }, { n: 3 }]);
        await other.dropDatabase();
        return 6;
      }
      default: {
        await db
          .collection("orders")
          .aggregate([{ $limit: 20 }, { $out: name }])
          .toArray();
        await db.dropCollection(name);
        return 24;
      }
    }
  }
}

const word = (random: Random): string => random.pick(["Lyon", "Osaka", "Quito", "Tartu", "Cork", "Bergen"]) + random.between(0, 999);

const order = (random: Random) => ({
  at: new Date(),
  n: random.between(0, 1_000),
  customer: { name: word(random), address: { city: word(random), street: word(random) } },
  lines: Array.from({ length: random.between(0, 6) }, () => ({ item: word(random), quantity: random.between(1, 9), price: random.next() })),
  note: word(random).repeat(random.between(0, 20)),
});
