import { BSON, MongoClient } from "mongodb";
import { expect, test } from "vitest";
import { startReplicaSet } from "../../../../scripts/replica-set.mjs";
import { waitFor } from "../../../../scripts/wait-for.mjs";
import { forceRollback } from "../chaos/forced-rollback.js";
import { Collector } from "../collector.js";
import { readEvents } from "../read-events.js";
import { memoryStoreLocation } from "../stores/memory-store.js";
import { OplogSource } from "./oplog-source.js";

test("writes that a failover undid are not in the log, and all others are, once", async () => {
  await using set = await startReplicaSet({ members: 3, testCommands: true });
  await using client = new MongoClient(set.uri, { writeConcern: { w: "majority" } });
  const orders = client.db("shop").collection("orders");
  await orders.insertOne({ kept: 0 });
  const source = new OplogSource({ uri: set.uri });
  const store = await memoryStoreLocation().log("shop");
  const collector = new Collector({ name: "shop", source, store, from: { kind: "oldest" } });
  const stop = new AbortController();
  const running = collector.run(stop.signal);
  try {
    await waitFor("the collector to run", () => collector.status.state === "running");
    await orders.insertOne({ kept: 1 });
    expect(await forceRollback(set, "shop", "orders")).toBeGreaterThan(0);
    await orders.insertOne({ kept: 2 });
    const newest = await source.newest();
    await waitFor("all to be captured", () => (collector.status.coveredTo ?? 0n) >= newest);
  } finally {
    stop.abort();
    await running;
    await source.close();
  }
  const documents: unknown[] = [];
  for await (const { bytes, kind } of readEvents(store))
    if (kind.operation === "insert" && kind.namespace === "shop.orders") documents.push(BSON.deserialize(bytes).o);
  expect(documents).toEqual([0, 1, 2].map((kept) => expect.objectContaining({ kept })));
});
