import { MongoClient } from "mongodb";
import { describe, expect, test } from "vitest";
import { startReplicaSet } from "../../../../scripts/replica-set.mjs";
import { waitFor } from "../../../../scripts/wait-for.mjs";
import { formatClusterTime } from "../cluster-time.js";
import { CollectorProcess, oplog } from "./collector-process.js";
import { type Capture, compareWithControl } from "./control-reader.js";
import { openPlace, withLogOf } from "./log-place.js";
import { record } from "./results.js";
import { scaled } from "./scale.js";
import { SmallOplog } from "./small-oplog.js";
import { mark } from "./source-marks.js";

const NAME = "history";

/** How long a collector that has lost its history may take to say so and end: a loop would go on for ever. */
const ENDS_WITHIN_MS = 20_000;

const rangeOf = async (store: string) => JSON.parse((await oplog("range", "--json", "--store", store, "--name", NAME)).stdout);
const verifies = async (store: string) => expect(await oplog("verify", "--store", store, "--name", NAME)).toMatchObject({ code: 0 });

/** Each rolls a part of the oplog over, and waits for a checkpoint, of which there is one each 10 s. */
const IDLE_ROUNDS = scaled(3, 60);

test.concurrent(
  "an idle database's collector moves on with the writes to others, and resumes after the oplog has rolled over",
  async () => {
    await using place = await openPlace("file");
    await using source = await SmallOplog.start();
    const order = { source: source.uri, store: place.uri, name: NAME, args: ["--capture", "change-stream", "--database", "quiet"] };
    const checkpoint = () => withLogOf(place, NAME, (store) => store.readCheckpoint());
    const quiet = source.client.db("quiet").collection<{ _id: string }>("quiet");
    await using collector = CollectorProcess.start(order);
    await collector.running();
    const start = collector.coveredTo;
    await quiet.insertOne({ _id: "before" });
    await collector.until("stored what there was", ({ events }) => events > 0);
    const { events } = collector.status!;

    for (let round = 0; round < IDLE_ROUNDS; round++) {
      await source.noise(1.5);
      const written = await source.newest();
      await waitFor("a checkpoint past the noise", async () => (await checkpoint())!.coveredTo >= written - 1n);
    }
    await waitFor("the oplog to be cut", async () => (await source.oldest()) > start);
    const { position } = (await checkpoint())!;
    const oldest = await source.oldest();
    expect(collector.status!.events).toBe(events); // nothing of the noise
    expect(position.clusterTime).toBeGreaterThan(oldest);
    await collector.kill();

    await quiet.insertOne({ _id: "while it was down" });
    await using again = CollectorProcess.start(order);
    await quiet.insertOne({ _id: "after" });
    const to = await mark(source.client, "quiet");
    await again.until("has covered the last event", () => again.coveredTo >= to);
    await again.stop();
    const lines = (await oplog("events", "--store", place.directUri, "--name", NAME, "--op", "insert", "--ns", "quiet.quiet")).stdout;
    const ids = lines
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line).documentKey._id);
    expect(ids).toEqual(["before", "while it was down", "after"]);
    expect(await rangeOf(place.directUri)).toMatchObject({ gaps: [] });
    await verifies(place.directUri);
    record("Idle: the oplog rolls over", { "MiB of other databases' writes": IDLE_ROUNDS * 1.5, "oplog, MiB": 4, gaps: 0 });
  },
  scaled(120_000, 1_200_000),
);

describe.concurrent.each<Capture>(["change-stream", "oplog"])("history that the source no longer has (%s)", (capture) => {
  test("is told and ends the collector; the log stays whole; accepted, it is stored as a gap", async () => {
    await using place = await openPlace("file");
    await using source = await SmallOplog.start();
    const { client } = source;
    const after = await mark(client, "shop");
    const args = ["--capture", capture, "--from", formatClusterTime(after)];
    const order = { source: source.uri, store: place.uri, name: NAME, args };
    await using first = CollectorProcess.start(order);
    await client
      .db("shop")
      .collection("orders")
      .insertMany(Array.from({ length: 20 }, (_, n) => ({ n })));
    const stopped = await mark(client, "shop");
    await first.until("has covered what there was", () => first.coveredTo >= stopped);
    // While the source still has it.
    const equal = await withLogOf(place, NAME, (store) => compareWithControl(store, { uri: source.uri, capture, after, to: stopped }));
    await first.stop();
    await client.db("shop").collection("orders").insertOne({ lost: true });
    await source.forget(await mark(client, "shop"));

    for (let attempt = 1; attempt <= 2; attempt++) {
      const since = Date.now();
      const refused = CollectorProcess.start(order);
      expect(await refused.ended).toEqual({ code: 3, signal: null });
      expect(Date.now() - since).toBeLessThan(ENDS_WITHIN_MS);
      expect(refused.status).toMatchObject({ state: "error_resume_token_lost", error: { code: "HISTORY_LOST" } });
      expect(refused.stderr).toContain("--accept-gap");
      const range = await rangeOf(place.directUri);
      expect(range).toMatchObject({ gaps: [], events: equal.events, timelines: [{ from: { clusterTime: formatClusterTime(after) } }] });
      await verifies(place.directUri);
    }

    await using accepted = CollectorProcess.start({ ...order, args: [...args, "--accept-gap"] });
    await accepted.running();
    const { gaps, timelines } = await rangeOf(place.directUri);
    expect(gaps).toHaveLength(1);
    expect(gaps[0].cause).not.toBe("");
    const resumed = await mark(client, "shop");
    await client
      .db("shop")
      .collection("orders")
      .insertMany(Array.from({ length: 5 }, (_, n) => ({ n })));
    const to = await mark(client, "shop");
    await accepted.until("has covered the last event", () => accepted.coveredTo >= to);
    await accepted.stop();
    expect(timelines).toHaveLength(2);
    // The gap lies between what was covered and what is covered again: no event is in both, none outside of the three.
    const [before, now] = (await rangeOf(place.directUri)).timelines;
    expect(gaps[0].from.clusterTime).toBe(before.to.clusterTime);
    expect(gaps[0].to.clusterTime).toBe(now.from.clusterTime);
    await withLogOf(place, NAME, (store) => compareWithControl(store, { uri: source.uri, capture, after: resumed, to }));
    await verifies(place.directUri);
    record(`History lost: ${capture}`, { "exit code": 3, "cause in the gap": gaps[0].cause });
  }, 120_000);

  test("is told as well when it is lost under the eyes of a collector that is too slow", async () => {
    await using place = await openPlace("file");
    await using source = await SmallOplog.start();
    const order = { source: source.uri, store: place.uri, name: NAME, args: ["--capture", capture] };
    await using collector = CollectorProcess.start(order);
    await collector.running();
    await source.client.db("shop").collection("orders").insertOne({ n: 1 });
    await collector.until("stores it", ({ events }) => events > 0);
    await collector.pause();
    // More than the connection holds of what the server has sent already.
    await source.noise(30);
    await source.forget(await source.newest());
    collector.resume();
    expect(await collector.ended).toEqual({ code: 3, signal: null });
    expect(collector.status).toMatchObject({ state: "error_resume_token_lost" });
    await verifies(place.directUri);
    expect((await rangeOf(place.directUri)).gaps).toEqual([]);
  }, 120_000);
});

test.concurrent("another replica set behind the same URI is refused, at the start and under way", async () => {
  await using place = await openPlace("file");
  const one = await startReplicaSet({ name: "twin" });
  const { port } = one.member(0);
  const order = { source: one.uri, store: place.uri, name: NAME, args: ["--capture", "change-stream"] };
  try {
    const client = new MongoClient(one.uri);
    await using collector = CollectorProcess.start(order);
    await collector.running();
    await client.db("shop").collection("orders").insertOne({ n: 1 });
    await collector.until("stores it", ({ events }) => events > 0);
    await client.close();
    await one.stop();
    await collector.until(
      "says that the source is away",
      ({ state, error }) => state === "retrying_connection" && /^source: /.test(error!.message),
    );
    const before = await rangeOf(place.directUri);

    await using other = await startReplicaSet({ name: "twin", ports: [port] });
    await using foreign = new MongoClient(other.uri);
    await foreign.db("shop").collection("orders").insertOne({ n: 2 });
    expect(await collector.ended).toEqual({ code: 1, signal: null });
    expect(collector.status).toMatchObject({ state: "error", error: { code: "SOURCE_MISMATCH" } });
    const again = CollectorProcess.start(order);
    expect(await again.ended).toEqual({ code: 1, signal: null });
    expect(again.status).toMatchObject({ state: "error", error: { code: "SOURCE_MISMATCH" } });
    expect((await rangeOf(place.directUri)).events).toBe(before.events);
  } finally {
    await one.stop();
  }
}, 120_000);
