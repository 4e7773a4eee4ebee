/// <reference path="../../../../scripts/vitest-context.d.ts" />
import { randomUUID } from "node:crypto";
import { openStore, readEvents } from "@oplog-collector/collector-core";
import { afterEach, beforeEach, expect, inject, test } from "vitest";
import { waitFor } from "../../../../scripts/wait-for.mjs";
import { record } from "../../../collector-core/src/chaos/results.js";
import { Installation, shows } from "../manager-for-test.js";
import { collectorProcesses } from "./collector-processes.js";
import { ManagerProcess } from "./manager-process.js";

const CLUSTERS = 4;

/** What is promised. */
const ELSEWHERE_MS = 15_000;

let installation: Installation;
let prefix: string;
const servers: ManagerProcess[] = [];
beforeEach(async () => {
  installation = await Installation.open(inject("mongodbUri"));
  prefix = `f${randomUUID().slice(0, 6)}-`;
});
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.kill()));
  await installation[Symbol.asyncDispose]();
});

async function newServer(): Promise<ManagerProcess> {
  const { metadataUri, key, logDir } = installation;
  const server = await ManagerProcess.begin({ metadataUri, key, logDir });
  servers.push(server);
  return server;
}

const register = (server: ManagerProcess, name: string) =>
  server.register({ name, connectionString: installation.uri, storeUri: installation.storeUri, database: `${name}-db`, rpoMs: 1_000 });

test("after kill -9 of a server its clusters run elsewhere within 15 s; its collectors seal and end by themselves", async () => {
  const [first, second] = [await newServer(), await newServer()];
  for (let i = 0; i < CLUSTERS; i++) await register(first, `${prefix}${i}`);
  await waitFor("both to run their share", async () => {
    const views = await first.list();
    return views.every(({ state }) => state === "running") && new Set(views.map(({ node }) => node)).size === 2;
  });
  const doomed = (await first.list()).filter(({ node }) => node === first.node);
  // How many depends on who came first to each; that both have some is waited for above.
  expect(doomed.length).toBeGreaterThan(0);

  const killedAt = performance.now();
  await first.kill();
  await waitFor(
    "its clusters to run elsewhere",
    async () => (await second.list()).every(({ state, node }) => state === "running" && node === second.node),
    { timeoutMs: ELSEWHERE_MS - (performance.now() - killedAt) },
  );
  const tookMs = Math.round(performance.now() - killedAt);
  const views = await second.list();
  await waitFor("one process a cluster", async () => (await collectorProcesses(prefix)).size === CLUSTERS);
  expect([...(await collectorProcesses(prefix)).keys()].sort()).toEqual(views.map(({ pid }) => pid).sort());

  // A server that comes back gets its share again, and one that ends in order hands its clusters over at once.
  const third = await newServer();
  await waitFor(
    "the new one to have its share",
    async () => (await third.list()).filter(({ state, node }) => state === "running" && node === third.node).length === 2,
  );
  const endedInMs = await second.end();
  expect(endedInMs).toBeLessThan(10_000);
  const endedAt = performance.now();
  await waitFor("all to run on the one that is left", async () =>
    (await third.list()).every(({ state, node }) => state === "running" && node === third.node),
  );
  record("Kill -9 of a server", {
    "clusters elsewhere after, ms": tookMs,
    "after an orderly end, ms": Math.round(performance.now() - endedAt),
  });
});

test("without any other server, the collectors of a killed one store what they have read and end", async () => {
  const server = await newServer();
  const name = `${prefix}alone`;
  await register(server, name);
  await shows(server, name, "running", ({ state }) => state === "running");
  const orders = installation.source(`${name}-db`).collection<{ _id: number }>("orders");
  await orders.insertMany(
    Array.from({ length: 50 }, (_, _id) => ({ _id })),
    { writeConcern: { w: "majority" } },
  );
  await waitFor("the events to be stored or in hand", async () => (await server.get(name)).events > 0);
  await orders.insertMany(
    Array.from({ length: 50 }, (_, n) => ({ _id: 50 + n })),
    { writeConcern: { w: "majority" } },
  );
  await server.kill();
  await waitFor("the collector to end", async () => (await collectorProcesses(prefix)).size === 0, { timeoutMs: 8_000 });

  const location = await openStore(installation.storeUri);
  const store = await location.log(name);
  // Sealed and released, not cut off.
  expect((await store.readCheckpoint())?.writer).toBeNull();
  const stored: number[] = [];
  for await (const { kind } of readEvents(store)) if (kind.operation === "insert") stored.push(1);
  expect(stored.length).toBeGreaterThanOrEqual(50);
  await location.close();

  const next = await newServer();
  await orders.insertOne({ _id: 100 });
  await shows(next, name, "running", ({ state }) => state === "running");
  const count = async () =>
    ((await next.call("stats", name, {})) as { operation: string; events: number }[])
      .filter(({ operation }) => operation === "insert")
      .reduce((sum, { events }) => sum + events, 0);
  await waitFor("all events to be there, once", async () => (await count()) === 101);
});

test("a collector that hangs is replaced", async () => {
  const server = await newServer();
  const name = `${prefix}hung`;
  await register(server, name);
  const { pid } = await shows(server, name, "running", ({ state }) => state === "running");
  process.kill(pid!, "SIGSTOP");
  const replaced = await shows(server, name, "another process", (view) => view.state === "running" && view.pid !== pid, 20_000);
  expect([...(await collectorProcesses(prefix)).keys()]).toEqual([replaced.pid]);
  expect(replaced.restarts).toBe(1);
});
