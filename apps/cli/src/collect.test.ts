/// <reference path="../../../scripts/vitest-context.d.ts" />
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { MongoClient } from "mongodb";
import { afterAll, beforeAll, expect, inject, test, vi } from "vitest";
import { freePort } from "../../../scripts/free-port.mjs";
import { startReplicaSet } from "../../../scripts/replica-set.mjs";
import { waitFor } from "../../../scripts/wait-for.mjs";
import { runOplog, SpawnedOplog } from "./oplog-for-test.js";

// Each test starts several processes: a busy machine makes that slow, not wrong.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

// One database a test of a set that many tests share.
const SOURCE = inject("mongodbUri");

let client: MongoClient;
let directory: string;

beforeAll(async () => {
  client = new MongoClient(SOURCE);
  directory = await mkdtemp(join(tmpdir(), "oplog-cli-"));
});

afterAll(async () => {
  await client?.close();
  if (directory) await rm(directory, { recursive: true });
});

/** Where a test's log is. */
const log = (name: string) => ["--store", pathToFileURL(directory).href, "--name", name];

const collect = (name: string, ...args: string[]) => ["collect", "--source", SOURCE, ...log(name), "--database", name, "--json", ...args];

/** The inserted numbers that the log holds, in its order. */
async function insertedIn(name: string): Promise<number[]> {
  const { code, stdout, stderr } = await runOplog(["events", ...log(name), "--op", "insert"]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return stdout
    .split("\n")
    .slice(0, -1)
    .map((line) => Number(JSON.parse(line).fullDocument._id.$numberInt));
}

const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

async function insert(name: string, from: number, to: number): Promise<void> {
  await client
    .db(name)
    .collection<{ _id: number }>("things")
    .insertMany(numbers(from, to).map((_id) => ({ _id })));
}

async function expectSound(name: string): Promise<void> {
  const { code, stdout } = await runOplog(["verify", ...log(name), "--json"]);
  expect({ code, ...JSON.parse(stdout) }).toMatchObject({ code: 0, schemaVersion: 1, ok: true, bad: null });
}

/** Resolves once the collector of that database has been given `events` events and asks for more: the ones before are then in its hands. */
async function handedOver(name: string, events: number): Promise<void> {
  const asking = { type: "op", "cursor.nDocsReturned": { $gte: events }, "cursor.originatingCommand.$db": name };
  await waitFor("the events to be read", async () => {
    const found = await client.db("admin").aggregate([{ $currentOp: { allUsers: true } }, { $match: asking }]);
    return (await found.toArray()).length > 0;
  });
}

test("SIGTERM seals and stores what was read, and exits with 0; the next run goes on from there", async () => {
  const name = "cli_sigterm";
  // An age that does not come by itself: only the signal can have sealed.
  await using first = new SpawnedOplog(collect(name, "--rpo", "600000"));
  await first.running();
  await insert(name, 0, 10);
  await handedOver(name, 11); // with the creation of the collection
  expect(await first.signal("SIGTERM")).toBe(0);
  expect(first.statuses.map(({ state }) => state)).toEqual(expect.arrayContaining(["starting", "running", "stopping", "stopped"]));
  expect(first.statuses.at(-1)).toMatchObject({ schemaVersion: 1, state: "stopped", events: 11, error: null, pid: first.child.pid });
  expect(await insertedIn(name)).toEqual(numbers(0, 10));

  await insert(name, 10, 20);
  expect((await runOplog(collect(name, "--exit-when-caught-up"))).code).toBe(0);
  expect(await insertedIn(name)).toEqual(numbers(0, 20));
  await expectSound(name);
});

test("kill -9 in the middle loses nothing and doubles nothing", async () => {
  const name = "cli_kill";
  let writing = true;
  let written = 0;
  const load = async () => {
    for (; writing; written += 10) await insert(name, written, written + 10);
  };
  let loading: Promise<void> | undefined;
  for (let round = 1; round <= 2; round++) {
    await using oplog = new SpawnedOplog(collect(name, "--rpo", "20"));
    await oplog.running();
    loading ??= load();
    await oplog.status("events to be stored in this run", ({ events }) => events >= 50);
    expect(await oplog.signal("SIGKILL")).toBe("SIGKILL");
  }
  writing = false;
  await loading;
  expect((await runOplog(collect(name, "--exit-when-caught-up"))).code).toBe(0);
  expect(await insertedIn(name)).toEqual(numbers(0, written));
  await expectSound(name);
});

test("of two collectors on one log the second ends with 6, and the first goes on", async () => {
  const name = "cli_two";
  await using first = new SpawnedOplog(collect(name, "--rpo", "50"));
  await first.running();
  const second = await runOplog(collect(name));
  expect(second.code).toBe(6);
  expect(second.stderr).toContain(`process ${first.child.pid} on`);
  await insert(name, 0, 5);
  await first.status("the events to be stored", ({ events }) => events >= 6);
  expect(await first.signal("SIGINT")).toBe(0);
  expect(await insertedIn(name)).toEqual(numbers(0, 5));
});

test("when nobody reads its status any more, it ends in order", async () => {
  const name = "cli_reader_gone";
  await using oplog = new SpawnedOplog(collect(name));
  await oplog.running();
  oplog.child.stdout!.destroy();
  expect(await oplog.ended).toBe(0);
  // Released: the next one does not have to wait for it.
  expect((await runOplog(collect(name, "--exit-when-caught-up"))).code).toBe(0);
});

test("without --json the log tells each state, in JSON lines on stderr; OPLOG_LOG_LEVEL takes the names of other loggers", async () => {
  const args = collect("cli_logs").filter((arg) => arg !== "--json");
  const told = await runOplog([...args, "--exit-when-caught-up"]);
  const lines = told.stderr
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line));
  expect(lines.map(({ state }) => state)).toEqual(["starting", "running", "stopping", "stopped"]);
  expect(lines[1]).toMatchObject({ level: "info", capture: "change-stream", time: expect.stringMatching(/Z$/) });
  expect(told.stdout).toBe("");
  expect((await runOplog([...args, "--exit-when-caught-up"], { OPLOG_LOG_LEVEL: "WARNING" })).stderr).toBe("");
});

test("a source that is not there is tried again, visibly, and stopping is possible meanwhile", async () => {
  const args = ["collect", "--source", `mongodb://127.0.0.1:${await freePort()}/`, ...log("cli_not_there"), "--json"];
  await using oplog = new SpawnedOplog(args);
  const { error } = await oplog.status("retrying_connection", ({ state }) => state === "retrying_connection");
  expect(error).toMatchObject({ code: "ECONNREFUSED", attempt: 1, hint: expect.stringContaining("port") });
  expect(await oplog.signal("SIGTERM")).toBe(0);
});

test("a store that is not up yet is waited for", async () => {
  const port = await freePort();
  const args = (uri: string) => ["collect", "--source", SOURCE, "--store", uri, "--name", "late", "--database", "cli_late", "--json"];
  await using oplog = new SpawnedOplog(args(`mongodb://127.0.0.1:${port}/?replicaSet=rs0&serverSelectionTimeoutMS=500`));
  await oplog.status("retrying_connection", ({ state, error }) => state === "retrying_connection" && /^store: /.test(error?.message ?? ""));
  const set = await startReplicaSet({ ports: [port] });
  try {
    await oplog.running();
    // Stopping waits for a store that has gone quiet; whoever can't wait asks again.
    await set.member(0).pause();
    oplog.child.kill("SIGTERM");
    await oplog.status("stopping", ({ state }) => state === "stopping");
    expect(await oplog.signal("SIGTERM")).toBe(130);
  } finally {
    await set.stop();
  }
});
