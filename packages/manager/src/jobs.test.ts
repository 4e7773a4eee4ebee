import { OplogError, parseClusterTime } from "@oplog-collector/collector-core";
import { prune } from "@oplog-collector/restore";
import { type Db, type Document, MongoClient } from "mongodb";
import { pino } from "pino";
import { afterAll, afterEach, beforeAll, beforeEach, expect, inject, onTestFinished, test } from "vitest";
import { startReplicaSet } from "../../../scripts/replica-set.mjs";
import { startProxy } from "../../../scripts/tcp-proxy.mjs";
import { waitFor } from "../../../scripts/wait-for.mjs";
import type { ClusterView } from "./cluster-view.js";
import { Housekeeping } from "./housekeeping.js";
import { type Job, Jobs } from "./jobs.js";
import { Leases } from "./lease.js";
import { snapshotWork } from "./log-jobs.js";
import type { Manager } from "./manager.js";
import { Installation, shows } from "./manager-for-test.js";
import { Registry } from "./registry.js";
import { SecretBox } from "./secrets.js";
import { StoreLocations } from "./store-locations.js";

let target: Awaited<ReturnType<typeof startReplicaSet>>;
beforeAll(async () => {
  target = await startReplicaSet({ name: "target" });
}, 120_000);
afterAll(() => target?.stop());

let installation: Installation;
let manager: Manager;
beforeEach(async () => {
  installation = await Installation.open(inject("mongodbUri"));
  manager = await installation.manager({ runner: "in-process" });
});
afterEach(() => installation[Symbol.asyncDispose]());

const ended = (job: Job) =>
  waitFor(`the ${job.kind} to end`, async () => {
    const now = await manager.job(job.id);
    return now.state !== "running" ? now : null;
  });

/** A base snapshot is complete once the log has got past it: of a source that is written to at once, of an idle one with a checkpoint or two, each 10 s. */
async function taken(source: Db, take: () => Promise<Job>): Promise<Job> {
  const pulse = source.collection<{ _id: number; beats: number }>("pulse");
  const beat = () => pulse.updateOne({ _id: 0 }, { $inc: { beats: 1 } }, { upsert: true });
  await beat();
  const { id } = await take();
  return waitFor("the snapshot to be taken", async () => {
    await beat();
    const now = await manager.job(id);
    return now.state !== "running" ? now : null;
  });
}

/** Runs a write, and waits until what it did is covered: only then does `now` reach to it. */
async function covered(name: string, source: Db, write: Document): Promise<void> {
  const { operationTime } = await source.command({ ...write, writeConcern: { w: "majority" } });
  const reached = ({ coveredTo }: ClusterView) => coveredTo !== null && parseClusterTime(coveredTo)! >= operationTime.toBigInt();
  await shows(manager, name, "the write to be covered", reached);
}

/** Jobs of a further node, with its signs of life: without them the manager would end its jobs for it. */
async function jobsOfNode(node: string): Promise<Jobs> {
  const leases = new Leases(installation.metadata, node);
  await leases.renew([]);
  const living = setInterval(() => void leases.renew([]).catch(() => {}), 1_000);
  onTestFinished(() => clearInterval(living));
  return new Jobs(installation.metadata, node, () => {});
}

test("snapshot, verify and restore are jobs: with a plan, a result, and a place in the history", async () => {
  const source = installation.source();
  const orders = source.collection<{ _id: number; n?: number }>("orders");
  await orders.insertMany([{ _id: 1 }, { _id: 2 }]);
  await manager.register({
    name: "shop",
    connectionString: installation.uri,
    storeUri: installation.storeUri,
    database: source.databaseName,
    rpoMs: 100,
  });
  await shows(manager, "shop", "running", ({ state }) => state === "running");
  const told: Job[] = [];
  manager.subscribe((event) => event.kind === "job" && told.push(event.job));
  const snapshot = await taken(source, () => manager.snapshot("shop"));
  expect(snapshot).toMatchObject({
    state: "done",
    error: null,
    result: { documents: 3, restorableFrom: expect.stringMatching(/^\d+,\d+$/) },
  });
  expect(told.map(({ state }) => state)).toEqual(expect.arrayContaining(["running", "done"]));
  await orders.updateOne({ _id: 2 }, { $set: { n: 1 } });
  await covered("shop", source, { insert: "orders", documents: [{ _id: 3 }] });
  expect(await ended(await manager.verify("shop"))).toMatchObject({ state: "done", result: { ok: true, bad: null } });
  const { snapshots } = await manager.coverage("shop");
  expect(snapshots).toMatchObject([{ documents: 3 }]);

  const request = { to: "now", target: target.uri };
  const plan = await manager.plan("shop", request);
  expect(plan.collections).toContainEqual(expect.objectContaining({ namespace: `${source.databaseName}.orders`, documents: 2 }));
  expect(await ended(await manager.restore("shop", request))).toMatchObject({
    state: "done",
    request: { to: "now" },
    result: { documents: 3 },
  });
  await using client = new MongoClient(target.uri);
  expect(await client.db(source.databaseName).collection<{ _id: number }>("orders").find().sort({ _id: 1 }).toArray()).toEqual([
    { _id: 1 },
    { _id: 2, n: 1 },
    { _id: 3 },
  ]);
  expect(await ended(await manager.restore("shop", request))).toMatchObject({ state: "failed", error: { code: "TARGET_NOT_EMPTY" } });
  const { id } = await manager.get("shop");
  expect((await manager.jobs(id)).map(({ kind, state }) => `${kind} ${state}`)).toEqual([
    "restore failed",
    "restore done",
    "verify done",
    "snapshot done",
  ]);
  await expect(manager.cancelJob(snapshot.id)).rejects.toMatchObject({ code: "CONFLICT" });
  await expect(manager.job("nobody")).rejects.toMatchObject({ code: "NOT_FOUND" });
});

test("a job is cancelled, also from another server; one of a server that is gone is ended by the others", async () => {
  const other = await installation.manager();
  const { databaseName } = installation.source();
  await manager.register({ name: "shop", connectionString: installation.uri, storeUri: installation.storeUri, database: databaseName });
  await shows(manager, "shop", "running", ({ state }) => state === "running");
  await manager.stop("shop");
  await shows(manager, "shop", "stopped", ({ state }) => state === "stopped");
  const waiting = await manager.snapshot("shop"); // for a collector that records, in vain
  await other.cancelJob(waiting.id);
  expect(await ended(waiting)).toMatchObject({ state: "cancelled", error: null, endedAt: expect.any(Date) });

  const { id } = await manager.get("shop");
  const jobs = new Jobs(installation.metadata, "a server that is gone", () => {});
  const orphan = await jobs.start("verify", { id, name: "shop" }, {}, () => new Promise(() => {}));
  expect(await ended(orphan)).toMatchObject({ state: "failed", error: { code: "INTERRUPTED" } });
});

test("a restore is cancelled while it applies the log, and goes on with resume", async () => {
  const source = installation.source();
  const { databaseName: database } = source;
  await manager.register({ ...{ name: "shop", connectionString: installation.uri, storeUri: installation.storeUri, database }, rpoMs: 50 });
  await shows(manager, "shop", "running", ({ state }) => state === "running");
  expect(await taken(source, () => manager.snapshot("shop"))).toMatchObject({ state: "done" });
  for (const name of ["a", "b", "c"]) await source.createCollection(name);
  await covered("shop", source, { insert: "d", documents: [{}] });
  await using proxy = await startProxy({ target: { port: target.member(0).port } });
  // Other tests have been there.
  const request = { to: "now", target: proxy.uri, force: true, resume: true };
  const started = manager.restore("shop", request);
  proxy.onClientMessage(async ({ command, document }) => {
    if (command === "create" && document.create === "a") await manager.cancelJob((await started).id);
  });
  const cancelled = await ended(await started);
  expect(cancelled).toMatchObject({ state: "cancelled", error: null, progress: { to: expect.stringMatching(/^\d+,\d+$/) } });
  proxy.heal();
  await using client = new MongoClient(target.uri);
  const names = async () => (await client.db(database).listCollections({}, { nameOnly: true }).toArray()).map(({ name }) => name).sort();
  expect(await names()).not.toContain("c");
  // By now it is another moment.
  await covered("shop", source, { insert: "e", documents: [{}] });
  expect(await ended(await manager.restore("shop", request))).toMatchObject({ state: "failed", error: { code: "BAD_INPUT" } });
  const sameMoment = { ...request, to: String(cancelled.progress.to) };
  expect(await ended(await manager.restore("shop", sameMoment))).toMatchObject({ state: "done" });
  expect(await names()).toEqual(["a", "b", "c", "d", "pulse"]);
});

test("a second base snapshot of a cluster is refused while one is taken, by whichever server", async () => {
  const cluster = { id: "x", name: "shop" };
  let end: () => void = () => {};
  const work = () => new Promise<void>((resolve) => (end = resolve));
  const here = await jobsOfNode("here");
  const there = await jobsOfNode("there");
  const { id } = await here.start("snapshot", cluster, {}, work);
  await expect(there.start("snapshot", cluster, {}, work)).rejects.toMatchObject({ code: "CONFLICT" });
  await here.start("verify", cluster, {}, async () => {});
  await here.start("snapshot", { id: "y", name: "other" }, {}, async () => {});
  end();
  await waitFor("its end", async () => (await here.get(id)).state === "done");
  await there.start("snapshot", cluster, {}, async () => {});
});

test("a job that others took for gone ends, and what they said of it stands; a server does not take its own new jobs for gone", async () => {
  const jobs = await jobsOfNode("slow");
  let aborted = false;
  const untilAborted = (_: unknown, signal: AbortSignal) =>
    new Promise<void>((resolve) =>
      signal.addEventListener("abort", () => {
        aborted = true;
        resolve();
      }),
    );
  const { id } = await jobs.start("verify", { id: "x", name: "x" }, {}, untilAborted);
  await new Jobs(installation.metadata, "another", () => {}).endOrphans(async () => new Set());
  expect(await jobs.get(id)).toMatchObject({ state: "failed", error: { code: "INTERRUPTED" } });
  await waitFor("the work to end", () => aborted);
  await jobs.end(5_000);
  expect(await jobs.get(id)).toMatchObject({ state: "failed", error: { code: "INTERRUPTED" } });

  for (let n = 0; n < 20; n++) {
    const starting = jobs.start("verify", { id: "x", name: "x" }, {}, untilAborted);
    for (let looks = 0; looks < 3; looks++) await jobs.endOrphans(async () => new Set(["slow"]));
    expect(await jobs.get((await starting).id)).toMatchObject({ state: "running" });
  }
  await jobs.end(5_000);
});

test("the job of a node that came to life while orphans were looked for is not one", async () => {
  const watching = new Jobs(installation.metadata, "watching", () => {});
  const late = new Jobs(installation.metadata, "late", () => {});
  const ends: (() => void)[] = [];
  const work = () => new Promise<void>((resolve) => ends.push(resolve));
  let id = "";
  await watching.start("verify", { id: "y", name: "y" }, {}, work);
  await watching.endOrphans(async () => {
    const seen = new Set(["watching", manager.node]);
    const leases = new Leases(installation.metadata, "late");
    await leases.renew([]);
    ({ id } = await late.start("verify", { id: "x", name: "x" }, {}, work));
    return seen;
  });
  expect(await late.get(id)).toMatchObject({ state: "running" });
  for (const end of ends) end();
});

test("what a job's work throws is its error", async () => {
  const jobs = await jobsOfNode("another");
  const job = await jobs.start("verify", { id: "x", name: "x" }, {}, () =>
    Promise.reject(new OplogError("DAMAGED", "broken", { hint: "Mend it." })),
  );
  await waitFor("its end", async () => (await jobs.get(job.id)).state === "failed");
  expect(await jobs.get(job.id)).toMatchObject({ error: { code: "DAMAGED", message: "broken", hint: "Mend it." } });
});

test("housekeeping takes the snapshots that are due and removes what is no longer kept; what stays is whole and goes on", async () => {
  const source = installation.source();
  await manager.register({
    name: "shop",
    connectionString: installation.uri,
    storeUri: installation.storeUri,
    database: source.databaseName,
    rpoMs: 50,
    snapshotEveryHours: 24,
  });
  await shows(manager, "shop", "running", ({ state }) => state === "running");
  const write = async () => {
    const { events } = await manager.get("shop");
    await source.collection("orders").insertOne({ pad: "x".repeat(1_000) });
    await shows(manager, "shop", "the event", (view) => view.events > events);
  };
  for (let n = 0; n < 5; n++) await write();

  const locations = new StoreLocations();
  const jobs = await jobsOfNode("housekeeper");
  const registry = new Registry(installation.metadata, SecretBox.fromKeys([installation.key]));
  const cluster = { ...(await registry.get("shop")), log: { newestSnapshotAt: null } as never };
  let pruned = 0;
  const housekeeping = new Housekeeping({
    ...{ locations, jobs, owned: () => [cluster], logger: pino({ enabled: false }) },
    takeSnapshot: (due) => jobs.start("snapshot", due, { scheduled: true }, snapshotWork(locations, due)),
    onPruned: async () => void pruned++,
  });
  const scheduled = async () => {
    await housekeeping.round();
    await housekeeping.round(); // busy: nothing twice
    return (await jobs.list())[0]!;
  };
  expect(await taken(source, scheduled)).toMatchObject({ kind: "snapshot", state: "done" });
  expect(await jobs.list()).toHaveLength(1);
  for (let n = 0; n < 3; n++) await write();

  cluster.retention = { maxBytes: 1 };
  cluster.snapshotEveryHours = null;
  await housekeeping.round();
  expect(pruned).toBe(1);
  const coverage = await manager.coverage("shop");
  expect(coverage.timelines).toHaveLength(1);
  // All from the snapshot on is there, nothing that ended before it.
  const [snapshot] = coverage.snapshots;
  expect(coverage.timelines[0]!.firstSegment).toBeGreaterThan(1);
  expect(coverage.timelines[0]!.from.clusterTime <= snapshot!.takenFrom).toBe(true);
  await write();
  expect(await ended(await manager.verify("shop"))).toMatchObject({ result: { ok: true } });
  // Other tests have been there.
  expect(await ended(await manager.restore("shop", { to: "now", target: target.uri, force: true }))).toMatchObject({ state: "done" });
  const again = await locations.use(cluster.storeUri, (location) => prune(location, "shop", { before: null, maxBytes: 1 }));
  expect(again.removeSnapshots).toEqual([]);
  await locations.close();
});
