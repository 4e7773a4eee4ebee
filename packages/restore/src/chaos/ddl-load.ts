import { type Collection, type Db, type Document, MongoClient, MongoServerError, Timestamp } from "mongodb";

/** From 0 to below 1. */
export type Random = () => number;

/** Mulberry32: a seed repeats a run. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Few names, so that collections meet their predecessors, renamed ones and views again and again. */
const NAMES = ["a", "b", "c", "d"];
const DATABASES: readonly string[] = ["shop", "stock"];
const IDS = 60;

/** Writes of all kinds with much DDL among them, from one seed. `pause` lets a test look at a state in which nothing moves. */
export class DdlLoad {
  private readonly client: MongoClient;
  private gate: Promise<void> | null = null;
  private stopping = false;
  private running: Promise<void>[] = [];
  private idle = 0;
  private failure: unknown;
  private writers = 0;
  private counter = 0;

  constructor(
    uri: string,
    private readonly random: Random,
    private readonly databases = DATABASES,
  ) {
    this.client = new MongoClient(uri);
  }

  /** One writer does everything, the others only write documents. */
  start(writers: number): void {
    this.writers = writers;
    this.running = Array.from({ length: writers }, (_, writer) =>
      this.write(writer === 0).catch((error) => {
        this.failure = error;
      }),
    );
  }

  /** Runs `look` while nothing is written. */
  async paused<T>(look: (client: MongoClient) => Promise<T>): Promise<T> {
    let open = () => {};
    this.gate = new Promise((resolve) => {
      open = resolve;
    });
    while (this.idle < this.writers) {
      if (this.failure) throw this.failure;
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    try {
      return await look(this.client);
    } finally {
      this.gate = null;
      open();
    }
  }

  /** One step, for tests that interleave by themselves. */
  async step(ddl: boolean): Promise<void> {
    await this.expecting(() => (ddl && this.random() < DDL_SHARE ? this.changeCollections() : this.changeDocuments()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stopping = true;
    await Promise.all(this.running);
    await this.client.close();
  }

  private async write(ddl: boolean): Promise<void> {
    while (!this.stopping) {
      if (this.gate) {
        this.idle++;
        await this.gate;
        this.idle--;
      }
      await this.step(ddl);
    }
    this.idle++;
  }

  private async expecting(act: () => Promise<unknown>): Promise<void> {
    try {
      await act();
    } catch (error) {
      // DDL on names that are taken or gone, duplicate keys, write conflicts: what the server refuses is part of the load.
      if (!(error instanceof MongoServerError)) throw error;
    }
  }

  private pick<T>(items: readonly T[]): T {
    return items[Math.floor(this.random() * items.length)]!;
  }

  private get db(): Db {
    return this.client.db(this.pick(this.databases));
  }

  private get collection(): Collection<Document & { _id: number }> {
    return this.db.collection(this.pick(NAMES));
  }

  private get id(): number {
    return Math.floor(this.random() * IDS);
  }

  private content(): Document {
    const n = ++this.counter;
    return {
      n,
      tags: [n % 3, n % 5],
      sub: { x: n % 7 },
      ...(this.random() < 0.05 && { stamp: new Timestamp(0n) }),
      text: "x".repeat(n % 200),
    };
  }

  private changeDocuments(): Promise<unknown> {
    const { collection, id } = this;
    const kind = this.random();
    if (kind < 0.3)
      return collection.insertMany(
        [
          { _id: id, ...this.content() },
          { _id: this.id, ...this.content() },
        ],
        { ordered: false },
      );
    if (kind < 0.45)
      return collection.updateOne(
        { _id: id },
        { $set: { n: ++this.counter, "sub.y": 1 }, $push: { tags: id } as never, $unset: { text: 1 } },
      );
    if (kind < 0.55)
      return collection.updateOne({ _id: id }, [
        { $set: { tags: { $slice: [{ $ifNull: ["$tags", []] }, 1] }, moved: "$n" } },
        { $unset: "n" },
      ]);
    if (kind < 0.65) return collection.replaceOne({ _id: id }, this.content(), { upsert: this.random() < 0.5 });
    if (kind < 0.75) return collection.deleteOne({ _id: id });
    if (kind < 0.85)
      return this.client
        .db("shop")
        .collection("round")
        .insertMany(Array.from({ length: 3 }, () => this.content()));
    if (kind < 0.9)
      return this.client
        .db("shop")
        .collection("readings")
        .insertMany([{ at: new Date(1.7e12 + this.counter++ * 1000), sensor: id % 3, value: id }]);
    return this.transaction();
  }

  private async transaction(): Promise<void> {
    const session = this.client.startSession();
    try {
      session.startTransaction();
      for (let writes = 2 + Math.floor(this.random() * 6); writes > 0; writes--) {
        const { collection, id } = this;
        if (this.random() < 0.5) await collection.updateOne({ _id: id }, { $set: { n: ++this.counter } }, { upsert: true, session });
        else await collection.deleteOne({ _id: id }, { session });
      }
      if (this.random() < 0.15) await session.abortTransaction();
      else await session.commitTransaction();
    } finally {
      await session.endSession();
    }
  }

  private changeCollections(): Promise<unknown> {
    const { db } = this;
    const name = this.pick(NAMES);
    const other = this.pick(NAMES);
    switch (Math.floor(this.random() * 17)) {
      case 0:
        return db.collection(name).drop();
      case 1:
        return db.collection(name).rename(other, { dropTarget: true });
      case 2:
        return db.collection(name).rename(other);
      case 3:
        return this.client.db("admin").command({ renameCollection: `shop.${name}`, to: `stock.${other}`, dropTarget: this.random() < 0.5 });
      case 4:
        return db.collection(name).createIndex({ n: 1, "sub.x": -1 }, { name: `by_${other}`, sparse: this.random() < 0.5 });
      case 5:
        return db.collection(name).dropIndex(`by_${other}`);
      case 6:
        return db.collection(name).createIndex({ n: 1 }, { unique: true, partialFilterExpression: { n: { $gt: 0 } }, name: "unique_n" });
      case 7:
        return db.createCollection(name, { validator: { n: { $exists: true } }, validationAction: "warn" });
      case 8:
        return db.createCollection(name, { capped: true, size: 100_000, max: 20 });
      case 9:
        return db.createCollection(name, { clusteredIndex: { key: { _id: 1 }, unique: true } });
      case 10:
        return db.createCollection(`view_${name}`, { viewOn: other, pipeline: [{ $match: { n: { $gt: 3 } } }] });
      case 11:
        return db.collection(`view_${name}`).drop();
      case 12:
        return db.command({ collMod: `view_${name}`, viewOn: other, pipeline: [] });
      case 13:
        return db
          .collection(name)
          .aggregate([{ $match: { n: { $gte: 0 } } }, { $out: other }])
          .toArray();
      case 14:
        return db.command({ convertToCapped: name, size: 100_000 });
      case 15:
        return this.roundAgain();
      default:
        return this.random() < 0.3
          ? this.client.db("stock").dropDatabase()
          : db.command({ collMod: name, validator: { n: { $type: "number" } }, validationLevel: "off" });
    }
  }

  /** What would stay for ever otherwise: the capped collection and the time series that all writers use. */
  private async roundAgain(): Promise<void> {
    const db = this.client.db("shop");
    if (this.random() < 0.3) {
      await db.collection("round").drop();
      await db.collection("readings").drop();
    }
    await this.expecting(() => db.createCollection("round", { capped: true, size: 4096 * 4 }));
    await this.expecting(() =>
      db.createCollection("readings", { timeseries: { timeField: "at", metaField: "sensor", granularity: "minutes" } }),
    );
  }
}

/** Of the one writer's steps. */
const DDL_SHARE = 0.12;
