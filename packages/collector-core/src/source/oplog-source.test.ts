import { randomUUID } from "node:crypto";
import { BSON, type Document, MongoClient, Timestamp } from "mongodb";
import { afterAll, afterEach, beforeAll, beforeEach, expect, inject, test } from "vitest";
import type { Batch } from "../batch.js";
import type { ClusterTime } from "../cluster-time.js";
import type { Position } from "../position.js";
import { documentsIn } from "../raw-bson.js";
import { OplogSource } from "./oplog-source.js";
import type { StartPoint } from "./source.js";

let client: MongoClient;
let source: OplogSource;
/** A database of its own for each test: the oplog is everyone's. */
let database: string;

beforeAll(() => {
  client = new MongoClient(inject("mongodbUri"), { writeConcern: { w: "majority" } });
});
afterAll(() => client.close());
beforeEach(() => {
  source = new OplogSource({ uri: inject("mongodbUri") });
  database = `oplog_${randomUUID().slice(0, 8)}`;
});
afterEach(async () => {
  await source.close();
  await client.db(database).dropDatabase();
});

const newest = async (): Promise<ClusterTime> => source.newest();

/** Reads from `start` until there is nothing more. */
async function read(
  start: StartPoint,
  from: OplogSource = source,
): Promise<{ batches: Batch[]; position: Position; coveredTo: ClusterTime }> {
  const abort = new AbortController();
  const stream = await from.open(start, abort.signal);
  const batches: Batch[] = [];
  for await (const batch of stream) {
    if (batch.caughtUp) break;
    batches.push(batch);
  }
  abort.abort();
  return { batches, position: stream.position, coveredTo: stream.coveredTo };
}

const entriesOf = (batches: Batch[]): Buffer[] => batches.flatMap(({ payload }) => [...documentsIn(payload)]);
const hex = (bytes: Buffer): string => bytes.toString("hex");
const decode = (entry: Buffer): Document => BSON.deserialize(entry);
const mine = (entries: Buffer[]): Document[] =>
  entries.map(decode).filter(({ ns, o }) => ns.startsWith(`${database}.`) || JSON.stringify(o).includes(database));

/** The oplog itself, as the server has it. */
const oplog = () => client.db("local").collection("oplog.rs", { readConcern: { level: "majority" } });

test("what is written after the start comes in order, with the server's own bytes", async () => {
  const start = await newest();
  const collection = client.db(database).collection<{ _id: number }>("c");
  await collection.insertMany([1, 2, 3].map((_id) => ({ _id })));
  await collection.updateOne({ _id: 1 }, { $set: { "2": 1, "1": 2 } });
  await collection.replaceOne({ _id: 2 }, { a: 1 });
  await collection.deleteOne({ _id: 3 });
  const { batches } = await read({ kind: "time", after: start });
  const entries = entriesOf(batches).filter((entry) => mine([entry]).length > 0);
  const raw = (await oplog()
    .find({ ts: { $gt: new Timestamp(start) } }, { raw: true })
    .toArray()) as unknown as Buffer[];
  const expected = raw.map((bytes) => Buffer.from(bytes)).filter((entry) => mine([entry]).length > 0);
  expect(entries.map(hex)).toEqual(expected.map(hex));
  expect(
    batches
      .flatMap(({ kinds }) => kinds)
      .filter(({ namespace }) => namespace === `${database}.c`)
      .map(({ operation }) => operation),
  ).toEqual(["create", "insert", "insert", "insert", "update", "replace", "delete"]);
});
