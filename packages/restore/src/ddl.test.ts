import { randomUUID } from "node:crypto";
import { MongoClient } from "mongodb";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { runDdl } from "./ddl.js";

const database = `ddl_${randomUUID().slice(0, 8)}`;
let client: MongoClient;

beforeAll(() => {
  client = new MongoClient(inject("mongodbUri"));
});
afterAll(async () => {
  await client.db(database).dropDatabase();
  await client.close();
});

const names = async () => (await client.db(database).listCollections({}, { nameOnly: true }).toArray()).map(({ name }) => name).sort();

// Over a base snapshot one of the two may be the next time series' already, whose creation is not applied again.
test.each([
  ["the buckets", "system.buckets.readings", "readings"],
  ["the view", "readings", "system.buckets.readings"],
])("of a time series, a drop of %s leaves the other where it is", async (_, dropped, left) => {
  await client.db(database).createCollection("readings", { timeseries: { timeField: "at" } });
  await runDdl(client, { kind: "drop", namespace: `${database}.${dropped}` }, false);
  expect(await names()).toEqual([left, "system.views"].sort());
  await runDdl(client, { kind: "drop", namespace: `${database}.${left}` }, false);
  expect(await names()).toEqual(["system.views"]);
});
