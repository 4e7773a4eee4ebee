import { MongoClient } from "mongodb";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startReplicaSet } from "../../../../scripts/replica-set.mjs";
import { waitFor } from "../../../../scripts/wait-for.mjs";
import { Collector } from "../collector.js";
import { readCoverage } from "../coverage.js";
import { readEvents } from "../read-events.js";
import { memoryStoreLocation } from "../stores/memory-store.js";
import { classifySourceError } from "./classify-error.js";
import { oldestClusterTime } from "./deployment.js";
import { OplogSource } from "./oplog-source.js";

let set: Awaited<ReturnType<typeof startReplicaSet>>;
let client: MongoClient;
let source: OplogSource;

beforeAll(async () => {
  // The oplog is cut only at checkpoints: one a second.
  set = await startReplicaSet({ oplogSizeMB: 1, args: ["--syncdelay", "1"] });
  client = new MongoClient(set.uri, { writeConcern: { w: "majority" } });
  source = new OplogSource({ uri: set.uri });
});
afterAll(async () => {
  await source?.close();
  await client?.close();
  await set?.stop();
});

const collection = () => client.db("shop").collection<{ _id: number; pad?: string }>("orders");

let written = 0;
/** Writes until the oplog has let go of what it holds now. */
async function overrunOplog(): Promise<void> {
  const newest = await source.newest();
  await waitFor("the oplog to be cut", async () => {
    const documents = Array.from({ length: 50 }, () => ({ _id: written++, pad: "x".repeat(20_000) }));
    await collection().insertMany(documents);
    return (await oldestClusterTime(client)) > newest;
  });
}

test("a tail that was overtaken while nobody read it, and one that is opened too late, lost history; neither goes on later without a word", async () => {
  const stream = await source.open({ kind: "now" }, new AbortController().signal);
  await overrunOplog();
  const reading = async () => {
    for await (const { position } of stream) if (position.clusterTime > 0n) return "read on";
    return "ended";
  };
  // The server says that the tail was overtaken (136), which by itself is no proof: opening again decides.
  const outcome = await reading().catch((error) => classifySourceError(error));
  expect(["resume", "ended"]).toContain(outcome);
  const after = { kind: "after", position: stream.position, coveredTo: stream.coveredTo } as const;
  await expect(source.open(after, new AbortController().signal)).rejects.toMatchObject({ code: "HISTORY_LOST" });
});

test("a collector stops, or stores the hole with its cause and begins again as early as the oplog reaches", async () => {
  const store = await memoryStoreLocation().log("shop");
  const run = (acceptGap: boolean) => {
    const options = { name: "shop", source: new OplogSource({ uri: set.uri }), store, acceptGap, exitWhenCaughtUp: true };
    return new Collector(options).run().finally(() => options.source.close());
  };
  await run(false);
  const [before] = (await readCoverage(store)).timelines;
  await overrunOplog();
  await expect(run(false)).rejects.toMatchObject({ code: "HISTORY_LOST" });
  expect((await readCoverage(store)).gaps).toEqual([]);

  await run(true);
  const { timelines, gaps } = await readCoverage(store);
  expect(timelines.length).toBe(2);
  expect(timelines[0]!.to).toEqual(before!.to);
  expect(gaps).toHaveLength(1);
  expect(gaps[0]!.from.clusterTime).toBe(before!.to.clusterTime);
  expect(gaps[0]!.to.clusterTime).toBe(timelines[1]!.from.clusterTime);
  expect(gaps[0]!.cause).toMatch(/no longer holds the entry/);
  // What was captured after the gap is everything that the source has had since.
  const ids: number[] = [];
  for await (const { bytes, kind } of readEvents(store, { after: timelines[1]!.from.clusterTime }))
    if (kind.operation === "insert" && kind.namespace === "shop.orders") ids.push(bytes.readInt32LE(bytes.indexOf("\x10_id\0") + 5));
  expect(ids.length).toBeGreaterThan(0);
  expect(ids).toEqual(Array.from({ length: ids.length }, (_, index) => written - ids.length + index));
});
