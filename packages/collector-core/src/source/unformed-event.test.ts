import { BSON, type ChangeStreamDocument, MongoClient } from "mongodb";
import { expect, inject, test } from "vitest";
import { startReplicaSet } from "../../../../scripts/replica-set.mjs";
import type { ClusterTime } from "../cluster-time.js";
import { Collector } from "../collector.js";
import { positionOfToken } from "../position.js";
import { readEvents } from "../read-events.js";
import { memoryStoreLocation } from "../stores/memory-store.js";
import { ChangeStreamSource } from "./change-stream.js";
import { entryOfUnformedEvent } from "./unformed-event.js";

/** What the server answers when a check of its own fails while it makes an event. */
const CHECK_FAILED = 8;

/** By cluster time, what the log holds of it: how many change events, or the oplog entry. */
type Held = Map<ClusterTime, { format: string; events: number }>;

async function capture(uri: string, after: ClusterTime): Promise<Held> {
  const source = new ChangeStreamSource({ uri });
  try {
    const store = await memoryStoreLocation().log("log");
    await new Collector({ name: "log", source, store, from: { kind: "time", after }, exitWhenCaughtUp: true }).run();
    const held: Held = new Map();
    let last: ClusterTime = 0n;
    for await (const { clusterTime, format } of readEvents(store)) {
      expect(clusterTime).toBeGreaterThanOrEqual(last);
      last = clusterTime;
      const before = held.get(clusterTime);
      expect([undefined, format]).toContain(before?.format);
      held.set(clusterTime, { format, events: (before?.events ?? 0) + 1 });
    }
    return held;
  } finally {
    await source.close();
  }
}

test("an event that the server fails to make is taken from the oplog, in its place: commands, documents and transactions", async () => {
  await using set = await startReplicaSet({ testCommands: true });
  await using client = new MongoClient(set.uri, { writeConcern: { w: "majority" } });
  const db = client.db("shop");
  const { operationTime } = await db.command({ ping: 1 });
  const after: ClusterTime = operationTime.toBigInt();
  for (let round = 0; round < 8; round++) {
    const orders = await db.createCollection(`orders${round}`);
    await orders.insertMany([{ round }, { round }]);
    await orders.updateMany({}, { $set: { seen: true } });
    await client.withSession((session) =>
      session.withTransaction(async () => {
        await orders.insertOne({ round }, { session });
        await orders.deleteOne({ seen: true }, { session });
      }),
    );
    await orders.createIndex({ round: 1 });
    await orders.drop();
  }
  const shown = await capture(set.uri, after);
  expect(new Set([...shown.values()].map(({ format }) => format))).toEqual(new Set(["change-event"]));

  const failPoint = (mode: unknown) =>
    client.db("admin").command({
      configureFailPoint: "failCommand",
      mode,
      data: { failCommands: ["getMore"], errorCode: CHECK_FAILED, namespace: "admin.$cmd.aggregate" },
    });
  // Two failures an event: of the reply, and of the event alone. Then in between anything, also in the middle of a transaction.
  for (const { mode, atLeast } of [
    { mode: { times: 24 }, atLeast: 12 },
    { mode: { activationProbability: 0.5 }, atLeast: 0 },
  ]) {
    await failPoint(mode);
    const got = await capture(set.uri, after).finally(() => failPoint("off"));
    expect([...got.keys()]).toEqual([...shown.keys()]);
    for (const [time, { format, events }] of got) expect(events).toBe(format === "oplog-entry" ? 1 : shown.get(time)!.events);
    expect([...got.values()].filter(({ format }) => format === "oplog-entry").length).toBeGreaterThanOrEqual(atLeast);
  }
}, 120_000);

// Of 70, an index takes one byte more.
test.each([1, 2, 70])(
  "after the last event of a transaction of %i, and only there, the entry that follows stands for the next one",
  async (operations) => {
    await using client = new MongoClient(inject("mongodbUri"), { writeConcern: { w: "majority" } });
    const db = client.db(`unformed_${operations}`);
    await using _ = { [Symbol.asyncDispose]: async () => void (await db.dropDatabase()) };
    const orders = await db.createCollection<{ _id: number }>("orders");
    await using stream = db.watch();
    await stream.tryNext();
    const ids = Array.from({ length: operations }, (_, _id) => ({ _id }));
    await client.withSession((session) => session.withTransaction(() => orders.insertMany(ids, { session })));
    await orders.insertOne({ _id: -1 });
    const seen: ChangeStreamDocument[] = [];
    while (seen.length < operations) seen.push(await stream.next());
    for (const [index, { _id }] of seen.entries()) {
      const entry = await entryOfUnformedEvent(client, positionOfToken(Buffer.from(BSON.serialize(_id as object))), db.databaseName);
      expect(entry && BSON.deserialize(entry).o).toEqual(index === operations - 1 ? { _id: -1 } : null);
    }
  },
);
