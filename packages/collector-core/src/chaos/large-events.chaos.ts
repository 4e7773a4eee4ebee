import { randomBytes } from "node:crypto";
import { BSON, MongoClient } from "mongodb";
import { expect, test } from "vitest";
import { findMongod } from "../../../../scripts/mongod.mjs";
import { startReplicaSet } from "../../../../scripts/replica-set.mjs";
import { formatClusterTime } from "../cluster-time.js";
import { readEvents } from "../read-events.js";
import { CollectorProcess, oplog } from "./collector-process.js";
import { compareWithControl } from "./control-reader.js";
import { openPlace, withLogOf } from "./log-place.js";
import { record } from "./results.js";
import { mark } from "./source-marks.js";

const NAME = "large";
const MIB = 1024 * 1024;

test.concurrent("the largest events that are delivered, and the longest tokens, are stored in parts and read back whole", async () => {
  await using source = await startReplicaSet({ cacheGB: 0.5 });
  await using client = new MongoClient(source.uri);
  await using place = await openPlace("mongodb");
  const after = await mark(client, "shop");
  const attachments = client.db("shop").collection<{ _id: string; payload?: Buffer }>("attachments");
  await attachments.insertOne({ _id: "large", payload: randomBytes(16 * MIB - 100) });
  await attachments.insertOne({ _id: "grows" });
  await attachments.updateOne({ _id: "grows" }, { $set: { payload: randomBytes(15.5 * MIB) } });
  // Tokens of 4 MiB, which are positions in headers and checkpoints as well.
  for (const n of [1, 2, 3]) await attachments.insertOne({ _id: `${n}${"k".repeat(2 * MIB)}` });
  await attachments.deleteOne({ _id: "grows" });
  const to = await mark(client, "shop");

  const args = ["--capture", "change-stream", "--from", formatClusterTime(after)];
  await using collector = CollectorProcess.start({ source: source.uri, store: place.uri, name: NAME, args });
  await collector.until("has covered the last event", () => collector.coveredTo >= to);
  await collector.stop();
  const order = { uri: source.uri, capture: "change-stream" as const, after, to };
  const equal = await withLogOf(place, NAME, (store) => compareWithControl(store, order));
  expect(await oplog("verify", "--store", place.directUri, "--name", NAME)).toMatchObject({ code: 0 });
  await using direct = new MongoClient(place.directUri);
  const parts = await direct.db("oplog_store").collection(`oplogs_${NAME}.parts`).countDocuments();
  expect(parts).toBeGreaterThanOrEqual(4); // two each of the two large ones
  record("Large events", { "events, each once": equal.events, bytes: equal.bytes, "parts in the MongoDB store": parts });
}, 120_000);

/**
 * An event of more than 16 MiB: its `_id` is in there four times, twice of them as hex in the token. `$changeStreamSplitLargeEvent` (6.0.9 and newer)
 * is of no help: it splits between an event's fields, and repeats the token in each fragment.
 */
const oversized = () => ({ _id: "k".repeat(MIB), payload: randomBytes(13.5 * MIB) });

/** Here it is the token that is too large. */
const tooLongId = () => ({ _id: "k".repeat(3.5 * MIB), payload: Buffer.alloc(0) });

test.concurrent.each([
  ["6.0.5", "an event beyond 16 MiB", oversized],
  ["6.0.27", "an event beyond 16 MiB", oversized],
  ["6.0.27", "a token of 7 MiB", tooLongId],
])(
  "MongoDB %s can't send %s through a change stream: it is taken from the oplog, in its place",
  async (version, _, document) => {
    await using source = await startReplicaSet({ mongod: (await findMongod({ version })).path, cacheGB: 0.5 });
    await using client = new MongoClient(source.uri);
    await using place = await openPlace("mongodb");
    const attachments = client.db("shop").collection<{ _id: string }>("attachments");
    const after = await mark(client, "shop");
    const written = document();
    await attachments.insertOne({ _id: "before" });
    await attachments.insertOne(written);
    await attachments.insertOne({ _id: "after" });
    const to = await mark(client, "shop");

    for (const capture of ["change-stream", "oplog"] as const) {
      const args = ["--capture", capture, "--from", formatClusterTime(after)];
      await using collector = CollectorProcess.start({ source: source.uri, store: place.uri, name: capture, args });
      await collector.until("has covered the last event", () => collector.coveredTo >= to);
      await collector.stop();
      await withLogOf(place, capture, async (store) => {
        const inserted: Buffer[] = [];
        for await (const { bytes, kind } of readEvents(store)) {
          if (kind.namespace !== "shop.attachments" || !/^i(nsert)?$/.test(kind.operation)) continue;
          const event = BSON.deserialize(bytes, { promoteBuffers: true });
          inserted.push(Buffer.from(BSON.serialize(event.fullDocument ?? event.o)));
        }
        const documents = [{ _id: "before" }, written, { _id: "after" }].map((one) => Buffer.from(BSON.serialize(one)));
        expect(inserted.map((one, i) => one.equals(documents[i]!))).toEqual([true, true, true]);
      });
      expect(await oplog("verify", "--store", place.directUri, "--name", capture)).toMatchObject({ code: 0 });
    }
    await withLogOf(place, "oplog", (store) => compareWithControl(store, { uri: source.uri, capture: "oplog", after, to }));
  },
  120_000,
);
