import { randomUUID } from "node:crypto";
import { BSON, type CollectionInfo, MongoClient } from "mongodb";
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

// dropDatabase drops what there is in any order.
test("the views are dropped before the buckets of a time series", async () => {
  await client.db(database).createCollection("readings", { timeseries: { timeField: "at" } });
  await runDdl(client, { kind: "drop", namespace: `${database}.system.views` }, false);
  expect(await names()).toEqual(["system.buckets.readings"]);
  await runDdl(client, { kind: "drop", namespace: `${database}.system.buckets.readings` }, false);
  expect(await names()).toEqual([]);
});

// The `create` command makes these with test commands only; convertToCapped and cloneCollectionAsCapped make them on any server.
test("a clustered collection that was made capped is made again", async () => {
  const db = client.db(database);
  await db.createCollection("ring", { clusteredIndex: { key: { _id: 1 }, unique: true } });
  await db.command({ convertToCapped: "ring", size: 8_192 });
  const optionsOf = async (name: string) => (await db.listCollections<CollectionInfo>({ name }).toArray())[0]!.options;
  const options = await optionsOf("ring");
  expect(options).toMatchObject({ capped: true, clusteredIndex: { key: { _id: 1 } } });
  await runDdl(client, { kind: "create", namespace: `${database}.again`, options: Buffer.from(BSON.serialize(options!)) }, false);
  expect(await optionsOf("again")).toEqual(options);
});
