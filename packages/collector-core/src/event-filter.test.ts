import { type Collection, Double, MongoClient } from "mongodb";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { Collector } from "./collector.js";
import { type EventFilterOptions, eventFilter } from "./event-filter.js";
import { readEvents } from "./read-events.js";
import type { SegmentHeader } from "./segment.js";
import { ChangeStreamSource } from "./source/change-stream.js";
import { OplogSource } from "./source/oplog-source.js";
import type { Store } from "./store.js";
import { memoryStoreLocation } from "./stores/memory-store.js";

const DATABASE = "event_filter";
const ORDERS = `${DATABASE}.orders`;

let client: MongoClient;
/** The same work as both ways of capture see it. */
const logs = new Map<string, Store>();

async function work(orders: Collection<{ _id: number | string | Double | null }>): Promise<void> {
  await orders.insertMany([{ _id: 1 }, { _id: new Double(2) }, { _id: "text" }]);
  await orders.insertOne({ _id: null }, { forceServerObjectId: true }); // the driver would put an id of its own in the place of null
  await orders.updateOne({ _id: 1 }, { $set: { a: 1 } });
  await orders.replaceOne({ _id: 1 }, { b: 1 });
  await client.withSession((session) =>
    session.withTransaction(async () => {
      await orders.deleteOne({ _id: 1 }, { session });
      await orders.insertOne({ _id: 9 }, { session });
    }),
  );
  await orders.rename("archive");
}

beforeAll(async () => {
  const uri = inject("mongodbUri");
  client = new MongoClient(uri);
  const db = client.db(DATABASE);
  await db.dropDatabase();
  const after = (await db.command({ hello: 1 })).operationTime.toBigInt();
  await work(db.collection("orders"));
  for (const source of [new ChangeStreamSource({ uri, database: DATABASE }), new OplogSource({ uri })]) {
    const store = await memoryStoreLocation().log("a");
    // A segment for each event, so that skipping a segment is seen.
    const limits = { events: 1 };
    await new Collector({ name: "a", source, store, from: { kind: "time", after }, exitWhenCaughtUp: true, limits }).run();
    await source.close();
    logs.set(source.format, store);
  }
});

afterAll(() => client?.close());

/** How many events a filter takes, having proved that it finds none in the segments that it skips. */
async function taken(format: string, options: EventFilterOptions): Promise<number> {
  const filter = eventFilter(options);
  const events = async (wanted: (header: SegmentHeader) => boolean) => {
    let count = 0;
    for await (const event of readEvents(logs.get(format)!, { wanted })) if (filter.event(event)) count++;
    return count;
  };
  expect(await events((header) => !filter.segment(header))).toBe(0);
  return events(filter.segment);
}

test.each(["change-event", "oplog-entry"])("by namespace and operation (%s)", async (format) => {
  expect(await taken(format, { namespace: ORDERS, operation: "insert" })).toBe(5);
  expect(await taken(format, { namespace: ORDERS, operation: "update" })).toBe(1);
  expect(await taken(format, { namespace: ORDERS, operation: "replace" })).toBe(1);
  expect(await taken(format, { namespace: ORDERS, operation: "delete" })).toBe(1);
  expect(await taken(format, { namespace: `${DATABASE}.nothing` })).toBe(0);
});

test.each(["change-event", "oplog-entry"])("a rename is found by both its names (%s)", async (format) => {
  const operation = format === "change-event" ? "rename" : "renameCollection";
  for (const namespace of [ORDERS, `${DATABASE}.archive`, `${DATABASE}.*`]) expect(await taken(format, { namespace, operation })).toBe(1);
  expect(await taken(format, { namespace: `${DATABASE}.archive` })).toBe(1);
});

test.each(["change-event", "oplog-entry"])("by the type and the bytes of _id, also inside a transaction (%s)", async (format) => {
  const of = (id: unknown) => taken(format, { namespace: ORDERS, id });
  expect(await of(1)).toBe(4);
  expect(await of(new Double(1))).toBe(0);
  expect(await of(new Double(2))).toBe(1);
  expect(await of("text")).toBe(1);
  expect(await of(null)).toBe(1);
  expect(await of(9)).toBe(1);
});
