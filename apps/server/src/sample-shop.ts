import { setTimeout as sleep } from "node:timers/promises";
import { clientOptions } from "@oplog-collector/collector-core";
import { type Db, MongoClient } from "mongodb";

/** About what a small shop writes; each order is a few events. */
const ORDERS_PER_SECOND = 8;

/** A source that is away is tried again. */
const RETRY_MS = 1_000;

/** Once in a while something happens that one may want to undo: the old carts go at once, and a collection is dropped by mistake. */
const CLEANUP_EVERY = 400;
const MISTAKE_EVERY = 900;

const CUSTOMERS = 250;
const STATUSES = ["paid", "packed", "sent"] as const;

/** A shop with orders, carts and stock. */
export class SampleShop {
  private readonly client: MongoClient;
  private readonly closing = new AbortController();
  private working: Promise<void> = Promise.resolve();

  constructor(
    uri: string,
    private readonly onError: (error: unknown) => void,
  ) {
    this.client = new MongoClient(uri, clientOptions());
  }

  open(): void {
    this.working = this.work();
  }

  async close(): Promise<void> {
    this.closing.abort();
    await this.working;
    await this.client.close();
  }

  private async work(): Promise<void> {
    const { signal } = this.closing;
    for (let order = 0; !signal.aborted; order++) {
      const wait = await this.sell(order).then(
        () => 1000 / ORDERS_PER_SECOND,
        (error) => {
          if (!signal.aborted) this.onError(error);
          return RETRY_MS;
        },
      );
      await sleep(wait, undefined, { signal }).catch(() => {}); // closing
    }
  }

  private async sell(order: number): Promise<void> {
    const db = this.client.db("shop");
    const customer = `customer-${(order * 7919) % CUSTOMERS}`;
    const total = Math.round((5 + ((order * 37) % 19_500) / 100) * 100) / 100;
    const { insertedId } = await db.collection("orders").insertOne({ order, customer, total, status: "new", at: new Date() });
    await db.collection("carts").insertOne({ customer, items: 1 + (order % 5), at: new Date() });
    await db
      .collection("stock")
      .updateOne(
        { article: `article-${order % 40}` },
        { $inc: { left: -1 }, $setOnInsert: { name: `Article ${order % 40}` } },
        { upsert: true },
      );
    if (order % 2 === 0)
      await db
        .collection("orders")
        .updateOne({ _id: insertedId }, { $set: { status: STATUSES[(order / 2) % STATUSES.length], changed: new Date() } });
    if (order % 25 === 24) await db.collection("orders").deleteOne({ status: "new" });
    await accidents(db, order);
  }
}

async function accidents(db: Db, order: number): Promise<void> {
  if (order % CLEANUP_EVERY === CLEANUP_EVERY - 1) await db.collection("carts").deleteMany({});
  if (order % MISTAKE_EVERY === 60)
    await db.collection("vouchers").insertMany(Array.from({ length: 50 }, (_, code) => ({ code: `V${order}-${code}` })));
  if (order % MISTAKE_EVERY === 240) await db.collection("vouchers").drop();
}
