import { MongoClient } from "mongodb";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { Collector, type CollectorOptions } from "./collector.js";
import { comparePositions } from "./position.js";
import { decodeHeader } from "./segment.js";
import { ChangeStreamSource } from "./source/change-stream.js";
import type { CollectorStatus } from "./status.js";
import type { Store } from "./store.js";
import { memoryStoreLocation } from "./stores/memory-store.js";
import { verifyLog } from "./verify.js";

const uri = inject("mongodbUri");
const database = `collector_test_${process.pid}`;
const LOG = "shop";

let client: MongoClient;

beforeAll(async () => {
  client = await new MongoClient(uri).connect();
});

afterAll(async () => {
  await client.db(database).dropDatabase();
  await client.close();
});

/** Runs a collector until its status is as wanted; then stops it and waits for its end. */
async function runUntil(
  store: Store,
  wanted: (status: CollectorStatus) => boolean,
  options: Partial<CollectorOptions> = {},
): Promise<CollectorStatus[]> {
  const source = new ChangeStreamSource({ uri, database });
  const stop = new AbortController();
  const seen: CollectorStatus[] = [];
  try {
    const collector = new Collector({ name: LOG, source, store, limits: { ageMs: 50 }, ...options });
    collector.subscribe((status) => {
      seen.push(status);
      if (wanted(status)) stop.abort();
    });
    await collector.run(stop.signal);
  } finally {
    await source.close();
  }
  return seen;
}

const insert = (count: number) =>
  client
    .db(database)
    .collection<{ at: Date }>("orders")
    .insertMany(Array.from({ length: count }, () => ({ at: new Date() })));

describe("a collector of a real source", () => {
  test("has its beginning durable before it says that it runs", async () => {
    const store = await memoryStoreLocation().log(LOG);
    let atRunning: unknown;
    await runUntil(store, ({ state }) => {
      if (state !== "running") return false;
      atRunning ??= store.read(1);
      return true;
    });
    expect(await atRunning).not.toBeNull();
  });

  test("that goes on after an idle time leaves a log that verifies, with every event once", async () => {
    const store = await memoryStoreLocation().log(LOG);
    await runUntil(store, ({ state }) => state === "running");
    // Only another database is written to: the collector sees nothing, and its checkpoint is ahead of its newest segment.
    await client.db(`${database}_other`).collection("noise").insertOne({});
    await runUntil(store, () => false, { exitWhenCaughtUp: true });
    const { position } = (await store.readCheckpoint())!;
    expect(comparePositions(position, decodeHeader((await store.read(1))!.header).to)).toBeGreaterThan(0);
    expect(await store.read(2)).toBeNull();
    await insert(20);
    await runUntil(store, () => false, { exitWhenCaughtUp: true });
    await client.db(`${database}_other`).dropDatabase();
    await insert(5);
    await runUntil(store, () => false, { exitWhenCaughtUp: true });
    const verification = await verifyLog(store, LOG);
    expect(verification).toMatchObject({ ok: true, bad: null });
    expect(verification.events).toBeGreaterThanOrEqual(25);
    expect((await store.readCheckpoint())?.writer).toBeNull();
  });

  test("beside another one ends as fenced, and the other goes on", async () => {
    const store = await memoryStoreLocation().log(LOG);
    const source = new ChangeStreamSource({ uri, database });
    const machine = (pid: number) => ({ host: "host-1", pid, isAlive: () => true });
    const startSecond = async () => {
      const error = await new Collector({ name: LOG, source, store, machine: machine(2) }).run().catch((thrown: unknown) => thrown);
      await insert(1); // which the first one is still there to see
      return error;
    };
    let second: Promise<unknown> | undefined;
    const wanted = ({ state, events }: CollectorStatus) => {
      if (state === "running") second ??= startSecond();
      return events > 0;
    };
    const first = runUntil(store, wanted, { machine: machine(1) });
    const states = (await first).map(({ state }) => state);
    expect(await second).toMatchObject({ code: "FENCED" });
    expect(states.at(-1)).toBe("stopped");
    await source.close();
    expect(await verifyLog(store, LOG)).toMatchObject({ ok: true });
  });
});
