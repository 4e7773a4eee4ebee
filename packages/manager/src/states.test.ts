import { setTimeout as sleep } from "node:timers/promises";
import { MongoClient } from "mongodb";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, test } from "vitest";
import { startReplicaSet } from "../../../scripts/replica-set.mjs";
import { startProxy } from "../../../scripts/tcp-proxy.mjs";
import { waitFor } from "../../../scripts/wait-for.mjs";
import type { ClusterView } from "./cluster-view.js";
import type { Manager } from "./manager.js";
import { Installation, shows } from "./manager-for-test.js";
import type { RegistrationInput } from "./registration.js";

/** What is promised: a state shows at the latest so long after its cause. */
const SHOWN_MS = 2_000;

let installation: Installation;
let manager: Manager;
beforeEach(async () => {
  installation = await Installation.open(inject("mongodbUri"));
  manager = await installation.manager();
});
afterEach(() => installation[Symbol.asyncDispose]());

async function register(name: string, input: Partial<RegistrationInput> = {}): Promise<void> {
  const { databaseName } = installation.source();
  await manager.register({ name, connectionString: installation.uri, storeUri: installation.storeUri, database: databaseName, ...input });
}

const inState = (state: ClusterView["state"]) => (view: ClusterView) => view.state === state;
const becomes = (name: string, state: ClusterView["state"], withinMs = SHOWN_MS) => shows(manager, name, state, inState(state), withinMs);

async function running(name: string, input: Partial<RegistrationInput> = {}): Promise<ClusterView> {
  await register(name, input);
  expect((await manager.get(name)).state).toBe("starting");
  return becomes(name, "running", 20_000);
}

test("starting, running, stopping, stopped", async () => {
  await running("a");
  expect((await manager.stop("a")).state).toBe("stopping");
  const stopped = await becomes("a", "stopped", 10_000);
  expect(stopped).toMatchObject({ pid: null, error: null, lagWarning: false, desired: "stopped" });
  expect(await manager.ready()).toEqual({ ready: true, reasons: [] });
});

describe("with a source behind a network that fails", () => {
  let proxy: Awaited<ReturnType<typeof startProxy>>;
  beforeEach(async () => {
    proxy = await startProxy({ target: { port: Number(new URL(inject("mongodbUri").replace("mongodb:", "http:")).port) } });
  });
  afterEach(() => proxy.close());

  test("retrying_connection while the source is away, running again when it is back; not ready meanwhile", async () => {
    await running("a", { connectionString: proxy.uri });
    await waitFor("ready", async () => (await manager.ready()).ready);
    proxy.refuse(true);
    proxy.drop();
    const retrying = await becomes("a", "retrying_connection");
    expect(retrying.error).toMatchObject({ attempt: expect.any(Number), message: expect.stringMatching(/^source: /) });
    const { ready, reasons } = await manager.ready();
    expect(ready).toBe(false);
    expect(reasons[0]).toMatch(/^a: retrying_connection/);
    proxy.heal();
    expect(await becomes("a", "running", 30_000)).toMatchObject({ error: null });
  });

  test("error_max_retries_reached when it does not come back; a start tries again", async () => {
    await running("a", { connectionString: proxy.uri, maxRetries: 1 });
    proxy.refuse(true);
    proxy.drop();
    const failed = await becomes("a", "error_max_retries_reached", 30_000);
    expect(failed).toMatchObject({ pid: null, error: { code: "UNREACHABLE", message: expect.stringContaining("2 tries") } });
    proxy.heal();
    await manager.start("a");
    await becomes("a", "running", 20_000);
  });

  test("error_max_retries_reached is tried again when a server starts", async () => {
    proxy.refuse(true);
    await register("a", { connectionString: proxy.uri, maxRetries: 0 });
    await becomes("a", "error_max_retries_reached", 20_000);
    proxy.heal();
    await installation.end(manager);
    manager = await installation.manager();
    await shows(manager, "a", "running", inState("running"), 20_000);
  });
});

test("error with its cause: a store inside what is captured, a login that is refused", async () => {
  await register("inside", { database: null, storeUri: `${installation.uri.replace(/\/(\?|$)/, "/oplog_store$1")}` });
  await register("login", { connectionString: installation.uri.replace("mongodb://", "mongodb://nobody:sentinel-secret@") });
  expect((await becomes("inside", "error", 20_000)).error).toMatchObject({
    code: "SOURCE_UNSUITABLE",
    message: expect.stringContaining("record itself"),
  });
  const refused = await becomes("login", "error", 20_000);
  expect(refused.error).toMatchObject({ code: "LOGIN_REFUSED", hint: expect.any(String) });
  expect(JSON.stringify(refused)).not.toContain("sentinel-secret");
  // Better settings are a new wish: it starts without being asked again.
  await manager.change("login", { connectionString: installation.uri });
  await becomes("login", "running", 20_000);
});

test("a killed collector is started again; error_stopped_unexpectedly when it happens again and again", async () => {
  await running("a");
  for (let crash = 1; crash <= 6; crash++) {
    const { pid } = await shows(manager, "a", "a process", ({ state, pid }) => state === "running" && pid !== null);
    process.kill(pid!, "SIGKILL");
    const after = await shows(manager, "a", "its end", (view) => view.pid !== pid, SHOWN_MS);
    if (crash === 1) expect(after).toMatchObject({ state: "retrying_connection", error: { code: "CRASHED" } });
  }
  const failed = await becomes("a", "error_stopped_unexpectedly");
  expect(failed).toMatchObject({ pid: null, restarts: 6, error: { message: expect.stringContaining("SIGKILL") } });
  await manager.start("a");
  expect(await becomes("a", "running", 20_000)).toMatchObject({ restarts: 0 });
});

describe("with a store that stands still", () => {
  let store: Awaited<ReturnType<typeof startReplicaSet>>;
  beforeAll(async () => {
    store = await startReplicaSet({ name: "store" });
  }, 120_000);
  afterAll(() => store?.stop());

  test("stopping and resetting_oplog_store last as long as it takes; remove with keepData needs no store", async () => {
    const [member] = store.members;
    await running("a", { storeUri: store.uri });
    await member!.pause();
    await manager.stop("a");
    await sleep(SHOWN_MS);
    expect((await manager.get("a")).state).toBe("stopping");
    member!.resume();
    await becomes("a", "stopped", 15_000);
    await member!.pause();
    expect((await manager.reset("a")).state).toBe("resetting_oplog_store");
    await sleep(SHOWN_MS);
    expect((await manager.get("a")).state).toBe("resetting_oplog_store");
    await expect(manager.reset("a")).rejects.toMatchObject({ code: "CONFLICT" });
    member!.resume();
    await becomes("a", "running", 30_000);
    await manager.stop("a");
    await becomes("a", "stopped", 15_000);
    await member!.pause();
    await manager.remove("a", { keepData: true });
    member!.resume();
    expect(await manager.list()).toEqual([]);
  });
});

describe("with a source whose oplog is small", () => {
  let small: Awaited<ReturnType<typeof startReplicaSet>>;
  beforeAll(async () => {
    // Cut to its size at each checkpoint of the storage engine: each second.
    small = await startReplicaSet({ name: "small", oplogSizeMB: 1, args: ["--syncdelay", "1"] });
  }, 120_000);
  afterAll(() => small?.stop());

  /** Writes until the oplog no longer reaches back to its present end. */
  async function rollOver(): Promise<void> {
    await using client = new MongoClient(small.uri);
    const oplog = client.db("local").collection("oplog.rs");
    const [{ ts: end } = { ts: null }] = await oplog.find().sort({ $natural: -1 }).limit(1).toArray();
    const pad = "x".repeat(500_000);
    await waitFor("the oplog to roll over", async () => {
      await client.db("filler").collection("c").insertOne({ pad });
      const [first] = await oplog.find().sort({ $natural: 1 }).limit(1).toArray();
      return first!.ts.gt(end);
    });
  }

  test("error_resume_token_lost after a rollover: not started again by itself; goes on over a gap, or from a reset", async () => {
    await running("a", { connectionString: small.uri, database: "shop", capture: "change-stream" });
    await manager.stop("a");
    await becomes("a", "stopped", 15_000);
    await rollOver();
    await manager.start("a");
    const lost = await becomes("a", "error_resume_token_lost", 20_000);
    expect(lost).toMatchObject({ pid: null, error: { code: "HISTORY_LOST", hint: expect.stringContaining("gap") } });
    expect((await manager.ready()).reasons[0]).toContain("error_resume_token_lost");

    await installation.end(manager);
    manager = await installation.manager();
    await shows(manager, "a", "the cluster", () => true);
    await sleep(3 * 1_000); // three looks, in any of which it could have been started
    expect(await manager.get("a")).toMatchObject({ state: "error_resume_token_lost", pid: null });

    await manager.start("a", { acceptGap: true });
    await becomes("a", "running", 20_000);
    await waitFor("the gap to be stored", async () => (await manager.coverage("a")).gaps.length === 1);

    // The leave was for one gap: the next one needs another.
    await manager.stop("a");
    await becomes("a", "stopped", 15_000);
    await rollOver();
    await manager.start("a");
    await becomes("a", "error_resume_token_lost", 20_000);
    await manager.reset("a");
    await becomes("a", "running", 30_000);
    expect(await manager.coverage("a")).toMatchObject({ gaps: [], timelines: [{}] });
  });
});
