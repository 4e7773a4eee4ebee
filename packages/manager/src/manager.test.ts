import { afterEach, beforeEach, expect, inject, test } from "vitest";
import { startProxy } from "../../../scripts/tcp-proxy.mjs";
import { waitFor } from "../../../scripts/wait-for.mjs";
import { LogReader } from "./log-reader.js";
import { Installation, isAlive, shows } from "./manager-for-test.js";
import { StoreLocations } from "./store-locations.js";

let installation: Installation;
beforeEach(async () => {
  installation = await Installation.open(inject("mongodbUri"));
});
afterEach(() => installation[Symbol.asyncDispose]());

test.each(["process", "in-process"] as const)("registers, runs, stops, resets and removes a cluster (%s)", async (runner) => {
  const manager = await installation.manager({ runner });
  const source = installation.source();
  const orders = source.collection<{ _id: number }>("orders");
  const registered = await manager.register({
    name: "shop",
    connectionString: inject("mongodbUri"),
    storeUri: installation.storeUri,
    database: source.databaseName,
    rpoMs: 100,
  });
  expect(registered).toMatchObject({ name: "shop", state: "starting", desired: "running" });
  const running = await shows(manager, "shop", "running", ({ state }) => state === "running");
  expect(running.pid === process.pid).toBe(runner === "in-process");
  expect(running).toMatchObject({ node: manager.node, captureInUse: "change-stream", error: null });
  await expect(manager.start("shop")).rejects.toMatchObject({ code: "CONFLICT" });
  const looked = await shows(manager, "shop", "what is carried", ({ captureReport }) => captureReport !== null);
  expect(looked.captureReport).toMatchObject({ capture: "change-stream", complete: true, cut: null });

  await orders.insertMany([{ _id: 1 }, { _id: 2 }, { _id: 3 }]);
  await shows(manager, "shop", "three events", ({ events }) => events >= 3);
  const page = await manager.events("shop", { ns: `${source.databaseName}.orders`, op: "insert", limit: 2 });
  expect(page.rows.map(({ operation }) => operation)).toEqual(["insert", "insert"]);
  const rest = await manager.events("shop", { ns: `${source.databaseName}.orders`, op: "insert", limit: 2, cursor: page.cursor! });
  expect(rest.rows.map(({ event }) => JSON.parse(event).documentKey._id)).toEqual([{ $numberInt: "3" }]);
  expect(rest.cursor).toBeNull();
  expect((await manager.events("shop", { id: "2" })).rows).toHaveLength(1);
  expect((await manager.stats("shop", {})).find(({ operation }) => operation === "insert")).toMatchObject({ events: 3 });
  expect((await manager.logs("shop", 10)).join("\n")).toContain("the collector starts");

  const [locations, reader] = [new StoreLocations(), new LogReader()];
  const summary = (by = reader) => locations.use(installation.storeUri, (location) => by.read(location, "shop"));
  const before = await summary();
  expect(before).toMatchObject({
    gaps: 0,
    snapshots: 0,
    newestSnapshotAt: null,
    firstEventAt: expect.any(String),
    lastEventAt: expect.any(String),
  });

  await manager.stop("shop");
  const stopped = await shows(manager, "shop", "stopped", ({ state }) => state === "stopped");
  expect(stopped.captureReport).toMatchObject({ complete: true });
  if (running.pid !== process.pid) await waitFor("the child to end", () => !isAlive(running.pid!));
  await expect(manager.stop("shop")).rejects.toMatchObject({ code: "CONFLICT" });
  await orders.insertOne({ _id: 4 });
  await manager.start("shop");
  await shows(manager, "shop", "the event of the time between", ({ state, events }) => state === "running" && events === 1);

  expect((await manager.coverage("shop")).timelines).toHaveLength(1);
  const after = await summary();
  expect(after).toMatchObject({ events: before.events + 1, firstEventAt: before.firstEventAt });
  // Read on from where it was, it is the same as read from the beginning.
  expect({ ...after, coveredTo: null, at: "" }).toEqual({ ...(await summary(new LogReader())), coveredTo: null, at: "" });
  await manager.reset("shop");
  await shows(manager, "shop", "running again", ({ state, events }) => state === "running" && events === 0);
  expect(await manager.coverage("shop")).toMatchObject({ events: 0, timelines: [{}] });
  expect(await summary()).toMatchObject({ events: 0, firstEventAt: null, lastEventAt: null });
  await locations.close();

  await manager.remove("shop");
  expect(await manager.list()).toEqual([]);
  await expect(manager.get("shop")).rejects.toMatchObject({ code: "NOT_FOUND" });
  const again = await manager.register({
    ...{ name: "shop", connectionString: inject("mongodbUri") },
    storeUri: installation.storeUri,
    autoStart: false,
  });
  expect((await manager.coverage(again.id)).segments).toBe(0);
});

test("ends within 10 s, and its collectors with it, when the metadata database does not answer; meanwhile it is not ready", async () => {
  const proxy = await startProxy({ target: { port: Number(new URL(installation.uri.replace("mongodb:", "http:")).port) } });
  const manager = await installation.manager({ metadataUri: proxy.uri.replace("/?", `/${installation.database}?`) });
  const { databaseName } = installation.source();
  await manager.register({ name: "shop", connectionString: installation.uri, storeUri: installation.storeUri, database: databaseName });
  const { pid } = await shows(manager, "shop", "running", ({ state }) => state === "running");
  proxy.refuse(true);
  proxy.drop();
  // Its lease runs out: another server may begin, so it has to stop by itself.
  await waitFor("the collector to be ended", () => !isAlive(pid!), { timeoutMs: 9_000 });
  await waitFor("not to be ready", async () => (await manager.ready()).reasons.some((reason) => reason.includes("metadata database")));
  const startedAt = performance.now();
  await installation.end(manager);
  expect(performance.now() - startedAt).toBeLessThan(10_000);
  proxy.heal();
  const next = await installation.manager();
  await shows(next, "shop", "running", ({ state }) => state === "running");
  await proxy.close();
});
