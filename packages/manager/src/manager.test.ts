import { afterEach, beforeEach, expect, inject, test } from "vitest";
import { waitFor } from "../../../scripts/wait-for.mjs";
import { Installation, isAlive, shows } from "./manager-for-test.js";

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

  await manager.stop("shop");
  await shows(manager, "shop", "stopped", ({ state }) => state === "stopped");
  if (running.pid !== process.pid) await waitFor("the child to end", () => !isAlive(running.pid!));
  await expect(manager.stop("shop")).rejects.toMatchObject({ code: "CONFLICT" });
  await orders.insertOne({ _id: 4 });
  await manager.start("shop");
  await shows(manager, "shop", "the event of the time between", ({ state, events }) => state === "running" && events === 1);

  expect((await manager.coverage("shop")).timelines).toHaveLength(1);
  await manager.reset("shop");
  await shows(manager, "shop", "running again", ({ state, events }) => state === "running" && events === 0);
  expect(await manager.coverage("shop")).toMatchObject({ events: 0, timelines: [{}] });

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
