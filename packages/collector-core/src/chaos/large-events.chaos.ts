import { randomBytes } from "node:crypto";
import { BSON, type Document, MongoClient, Timestamp } from "mongodb";
import { expect, test } from "vitest";
import { findMongod } from "../../../../scripts/mongod.mjs";
import { startReplicaSet } from "../../../../scripts/replica-set.mjs";
import { formatClusterTime } from "../cluster-time.js";
import { rawValue } from "../raw-bson.js";
import { readEvents } from "../read-events.js";
import { CollectorProcess, oplog } from "./collector-process.js";
import { compareWithControl } from "./control-reader.js";
import { openPlace, withLogOf } from "./log-place.js";
import { record } from "./results.js";
import { mark } from "./source-marks.js";

const NAME = "large";
const MIB = 1024 * 1024;

/** The first that can split events. */
const SPLITS = "6.0.27";

/** A document of 14.5 MiB that makes an event of 17.5: its `_id` is in there four times, twice of them as hex in the token. */
const oversized = () => ({ _id: "k".repeat(MIB), payload: randomBytes(13.5 * MIB) });

/** The token of its event has 4 MiB, and so has each position after it, in headers and checkpoints. */
const longId = (n: number) => ({ _id: `${n}${"k".repeat(2 * MIB)}` });

/** Not even the fragments of its event fit: each has the token. */
const tooLongId = () => ({ _id: "k".repeat(3.5 * MIB) });

test("an event beyond 16 MiB is joined from its fragments, stored in parts, and read back as one", async ({ skip }) => {
  const mongod = await findMongod({ version: SPLITS }).catch((error: Error) => error);
  if (mongod instanceof Error) return skip(`needs mongod ${SPLITS}: ${mongod.message.split("\n")[0]}`);
  await using source = await startReplicaSet({ mongod: mongod.path, cacheGB: 0.5 });
  await using client = new MongoClient(source.uri);
  await using place = await openPlace("mongodb");
  const after = await mark(client, "shop");
  const attachments = client.db("shop").collection<{ _id: string; payload?: Buffer }>("attachments");
  const written = oversized();
  await attachments.insertOne({ _id: "small" });
  await attachments.insertOne(written);
  await attachments.updateOne({ _id: "small" }, { $set: { payload: randomBytes(15 * MIB) } });
  await attachments.insertMany([longId(1), longId(2), longId(3)]);
  await attachments.deleteOne({ _id: "small" });
  const to = await mark(client, "shop");

  const args = ["--capture", "change-stream", "--from", formatClusterTime(after)];
  await using collector = CollectorProcess.start({ source: source.uri, store: place.uri, name: NAME, args });
  await collector.until("has covered the last event", () => collector.coveredTo >= to, 120_000);
  await collector.stop();

  const operations: string[] = [];
  await withLogOf(place, NAME, async (store) => {
    for await (const { bytes, kind } of readEvents(store)) {
      if (kind.namespace !== "shop.attachments") continue;
      operations.push(kind.operation);
      if (bytes.length < 17 * MIB) continue;
      expect(rawValue(bytes, "splitEvent")).toBeUndefined();
      expect(rawValue(bytes, "fullDocument")!.bytes.equals(Buffer.from(BSON.serialize(written)))).toBe(true);
      const { _id, documentKey } = BSON.deserialize(bytes) as Document;
      expect(documentKey._id).toBe(written._id);
      expect(_id._data).toBe(await lastFragmentToken(client, after));
    }
  });
  expect(operations).toEqual(["create", "insert", "insert", "update", "insert", "insert", "insert", "delete"]);
  expect(await oplog("verify", "--store", place.directUri, "--name", NAME)).toMatchObject({ code: 0 });
  await using direct = new MongoClient(place.directUri);
  const parts = await direct.db("oplog_store").collection(`oplogs_${NAME}.parts`).countDocuments();
  expect(parts).toBeGreaterThanOrEqual(2);
  record("Events beyond 16 MiB", { "events of 17.5 MiB, joined": 1, "parts in the MongoDB store": parts });
}, 180_000);

test.each([
  ["before 6.0.9, beyond 16 MiB", "6.0.5", oversized],
  ["from 6.0.9 on, with a token beyond what a fragment takes", SPLITS, tooLongId],
])(
  "%s, an event that no change stream delivers is taken from the oplog, in its place",
  async (_, version, document) => {
    const mongod = await findMongod({ version }).catch((error: Error) => error);
    if (mongod instanceof Error) return;
    await using source = await startReplicaSet({ mongod: mongod.path, cacheGB: 0.5 });
    await using client = new MongoClient(source.uri);
    await using place = await openPlace("mongodb");
    const attachments = client.db("shop").collection<{ _id: string }>("attachments");
    const after = await mark(client, "shop");
    const written = document();
    await attachments.insertOne({ _id: "before" });
    await attachments.insertOne(written);
    await attachments.insertOne({ _id: "after" });
    const to = await mark(client, "shop");
    const args = ["--from", formatClusterTime(after), "--capture"];

    for (const capture of ["change-stream", "oplog"]) {
      await using collector = CollectorProcess.start({ source: source.uri, store: place.uri, name: capture, args: [...args, capture] });
      await collector.until("has covered the last event", () => collector.coveredTo >= to);
      await collector.stop();
      const ids = await withLogOf(place, capture, async (store) => {
        const found: string[] = [];
        for await (const { bytes, kind } of readEvents(store)) {
          if (kind.namespace !== "shop.attachments") continue;
          const event = BSON.deserialize(bytes);
          if (event.fullDocument ?? event.o?._id) found.push((event.fullDocument ?? event.o)._id);
        }
        return found;
      });
      expect(ids).toEqual(["before", written._id, "after"]);
      expect(await oplog("verify", "--store", place.directUri, "--name", capture)).toMatchObject({ code: 0 });
    }
    await withLogOf(place, "oplog", (store) => compareWithControl(store, { uri: source.uri, capture: "oplog", after, to }));
  },
  120_000,
);

/** As the driver shows it: the token after which nothing of the event is left. */
async function lastFragmentToken(client: MongoClient, after: bigint): Promise<string> {
  const cursor = client.db("admin").aggregate(
    [
      {
        $changeStream: {
          allChangesForCluster: true,
          showExpandedEvents: true,
          showRawUpdateDescription: true,
          showSystemEvents: true,
          showMigrationEvents: true,
          startAtOperationTime: new Timestamp(after + 1n),
        },
      },
      { $changeStreamSplitLargeEvent: {} },
    ],
    { maxAwaitTimeMS: 1_000 },
  );
  try {
    for (;;) {
      const event = await cursor.tryNext();
      if (!event) throw new Error("The control saw no event in fragments");
      if (event.splitEvent && event.splitEvent.fragment === event.splitEvent.of) return event._id._data;
    }
  } finally {
    await cursor.close();
  }
}
