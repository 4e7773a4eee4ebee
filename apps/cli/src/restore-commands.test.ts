/// <reference path="../../../scripts/vitest-context.d.ts" />
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { MongoClient } from "mongodb";
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test, vi } from "vitest";
import { startReplicaSet } from "../../../scripts/replica-set.mjs";
import { startProxy } from "../../../scripts/tcp-proxy.mjs";
import { runOplog, SpawnedOplog } from "./oplog-for-test.js";

// Each test starts several processes: a busy machine makes that slow, not wrong.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

const DATABASE = "cli_restore_commands";

/** Each of them is a barrier for apply: enough that an interruption comes before the last one. */
const COLLECTIONS = 30;

let directory: string;
let source: MongoClient;
let targetSet: Awaited<ReturnType<typeof startReplicaSet>>;
let target: MongoClient;
/** `--store URI --name shop` of a log that no test changes. */
let log: string[];
/** Cluster times: where the log begins, from where the snapshot can be restored, of the transaction, the end. */
let begin: string;
let restorableFrom: string;
let transaction: string;
let end: string;
/** The token of the first event of the transaction. */
let token: string;

const at = (path: string, name = "shop") => ["--store", pathToFileURL(path).href, "--name", name];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "oplog-restore-commands-"));
  log = at(join(directory, "log"));
  const uri = inject("mongodbUri");
  [source, targetSet] = [await new MongoClient(uri).connect(), await startReplicaSet({ name: "cli-target" })];
  target = await new MongoClient(targetSet.uri).connect();
  const db = source.db(DATABASE);
  await db.dropDatabase();
  const orders = db.collection<{ _id: number }>("orders");
  await using collecting = new SpawnedOplog(["collect", "--source", uri, ...log, "--database", DATABASE, "--json", "--rpo", "20"]);
  await collecting.running();
  await orders.insertMany([{ _id: 1 }, { _id: 2 }]);
  const taken = await runOplog(["snapshot", "--source", uri, ...log, "--json"]);
  expect(taken, taken.stderr).toMatchObject({ code: 0, stderr: "" });
  expect(JSON.parse(taken.stdout)).toMatchObject({ schemaVersion: 1, resumed: false, notes: [] });
  ({ restorableFrom } = JSON.parse(taken.stdout));
  await source.withSession((session) =>
    session.withTransaction(async () => {
      await orders.insertOne({ _id: 3 }, { session });
      await orders.insertOne({ _id: 4 }, { session });
    }),
  );
  for (let n = 0; n < COLLECTIONS; n++) await db.createCollection(`c${n}`);
  await orders.insertOne({ _id: 5 });
  await collecting.signal("SIGTERM");
  const caughtUp = ["collect", "--source", uri, ...log, "--database", DATABASE, "--exit-when-caught-up"];
  expect((await runOplog(caughtUp)).code).toBe(0);
  const { timelines } = JSON.parse((await runOplog(["range", ...log, "--json"])).stdout);
  [begin, end] = [timelines[0].from.clusterTime, timelines[0].to.clusterTime];
  const { stdout } = await runOplog(["events", ...log, "--op", "insert", "--id", "3"]);
  const event = JSON.parse(stdout);
  token = event._id._data;
  transaction = `${event.clusterTime.$timestamp.t},${event.clusterTime.$timestamp.i}`;
});

afterAll(async () => {
  await source?.db(DATABASE).dropDatabase();
  await Promise.all([source?.close(), target?.close()]);
  await targetSet?.stop();
  if (directory) await rm(directory, { recursive: true });
});

beforeEach(async () => {
  const { databases } = await target.db("admin").admin().listDatabases({ nameOnly: true });
  for (const { name } of databases) if (!["admin", "config", "local"].includes(name)) await target.db(name).dropDatabase();
});

const restore = (...args: string[]) => runOplog(["restore", ...log, "--target", targetSet.uri, ...args]);
const apply = (...args: string[]) => runOplog(["apply", ...log, "--target", targetSet.uri, ...args]);

async function ids(database = DATABASE): Promise<number[]> {
  const found = await target.db(database).collection<{ _id: number }>("orders").find().sort({ _id: 1 }).toArray();
  return found.map(({ _id }) => _id);
}

async function names(database = DATABASE): Promise<string[]> {
  return (await target.db(database).listCollections({}, { nameOnly: true }).toArray()).map(({ name }) => name).sort();
}

/** A copy of the log's store with one flipped byte in the newest segment of the log or of its snapshot. */
async function damaged(what: "log" | "snapshot"): Promise<string[]> {
  const copy = join(directory, `damaged-${what}`);
  await cp(join(directory, "log"), copy, { recursive: true });
  const files = (await readdir(copy, { recursive: true })).filter(
    (name) => name.endsWith(".segment") && name.includes("snapshots") === (what === "snapshot"),
  );
  const file = join(copy, files.sort().at(what === "log" ? -1 : 1)!);
  const bytes = await readFile(file);
  bytes[bytes.length - 20]! ^= 1;
  await writeFile(file, bytes);
  return at(copy);
}

describe("restore", () => {
  test("says what it would do, and does it", async () => {
    const [plan, text] = await Promise.all([restore("--to", "now", "--dry-run", "--json"), restore("--to", "now", "--dry-run")]);
    expect(JSON.parse(plan.stdout)).toMatchObject({
      schemaVersion: 1,
      plan: { collections: [{ namespace: `${DATABASE}.orders`, documents: 2 }], drop: [], users: false, apply: { to: end } },
    });
    expect(text.stdout).toContain(`${DATABASE}.orders`);
    expect(await names()).toEqual([]);

    const restored = await restore("--to", "now", "--json");
    expect(restored, restored.stderr).toMatchObject({ code: 0, stderr: "" });
    expect(JSON.parse(restored.stdout)).toMatchObject({ schemaVersion: 1, documents: 2, apply: { firstNotApplied: null } });
    expect(await ids()).toEqual([1, 2, 3, 4, 5]);
    expect(await names()).toHaveLength(COLLECTIONS + 1);
  });

  test("to a token inside a transaction ends before it, and says so; at its cluster time it is whole", async () => {
    const inside = await restore("--to", token);
    expect(inside, inside.stderr).toMatchObject({ code: 0 });
    expect(inside.stdout).toContain(`inside the transaction at ${transaction}`);
    expect(await ids()).toEqual([1, 2]);
    const whole = await restore("--to", transaction, "--force");
    expect(whole, whole.stderr).toMatchObject({ code: 0 });
    expect(await ids()).toEqual([1, 2, 3, 4]);
  });

  test("a part, under another name", async () => {
    const report = await restore("--to", "now", "--ns", `${DATABASE}.o*`, "--exclude-ns", "*.c1", "--rename", `${DATABASE}=old`);
    expect(report, report.stderr).toMatchObject({ code: 0 });
    expect(await names()).toEqual([]);
    expect(await names("old")).toEqual(["orders"]);
    expect(await ids("old")).toEqual([1, 2, 3, 4, 5]);
    expect(report.stdout).toMatch(/Left out: \d+: left out by --ns/);
  });

  test("refuses with 3 what is not covered, with 4 what is damaged, with 5 a target that holds data; nothing is written then", async () => {
    const [before, after, log4, snapshot4] = await Promise.all([
      restore("--to", begin),
      restore("--to", new Date(Date.now() + 600_000).toISOString()),
      damaged("log").then((copy) => runOplog(["restore", ...copy, "--to", "now", "--target", targetSet.uri])),
      damaged("snapshot").then((copy) => runOplog(["restore", ...copy, "--to", "now", "--target", targetSet.uri])),
    ]);
    expect(before).toMatchObject({ code: 3, stdout: "", stderr: expect.stringContaining(restorableFrom) });
    expect(after).toMatchObject({ code: 3, stdout: "" });
    expect(log4).toMatchObject({ code: 4, stdout: "", stderr: expect.stringMatching(/segment/i) });
    expect(snapshot4).toMatchObject({ code: 4, stdout: "", stderr: expect.stringMatching(/snapshot/i) });
    expect(await names()).toEqual([]);

    await target.db("own").collection<{ _id: number }>("orders").insertOne({ _id: 0 });
    expect(await restore("--to", "now")).toMatchObject({ code: 5, stdout: "", stderr: expect.stringContaining("own.orders") });
    expect(await names()).toEqual([]);
    expect(await restore("--to", "now", "--force")).toMatchObject({ code: 0 });
    expect(await ids()).toEqual([1, 2, 3, 4, 5]);
    expect(await ids("own")).toEqual([0]);
  });

  test.each([
    ["a time that is none", ["--to", "yesterday"], /yesterday/],
    ["a rename without a name", ["--to", "now", "--rename", "shop"], /rename/i],
    ["no lanes", ["--to", "now", "--lanes", "0"], /lanes/],
    ["no time", [], /--to/],
    ["an option that is none", ["--to", "now", "--from", "now"], /--from/],
  ])("wrong usage is 2: %s", async (_, args, told) => {
    expect(await restore(...args)).toMatchObject({ code: 2, stdout: "", stderr: expect.stringMatching(told) });
  });
});

describe("interrupted, exits with 130 and goes on with --resume to the same end:", () => {
  test.each([["restore"], ["apply"]])("%s", async (command) => {
    await using proxy = await startProxy({ target: { port: targetSet.member(0).port } });
    const args = [command, ...log, "--to", "now", "--target", proxy.uri, ...(command === "apply" ? ["--from", begin] : [])];
    await using oplog = new SpawnedOplog(args);
    // The log's first collection after the snapshot: many more follow.
    proxy.onClientMessage((message) => {
      if (message.command === "create" && message.document.create === "c0") oplog.child.kill("SIGINT");
    });
    expect(await oplog.ended, oplog.stderr).toBe(130);
    expect(oplog.stderr).toContain("--resume");
    proxy.heal();
    expect((await names()).length).toBeLessThan(COLLECTIONS);
    expect((await target.db("admin").command({ getParameter: 1, ttlMonitorEnabled: 1 })).ttlMonitorEnabled).toBe(true);
    expect(await runOplog([...args, "--exclude-ns", "x.y", "--resume"])).toMatchObject({ code: 2 });
    const resumed = await runOplog([...args, "--resume", "--json"]);
    expect(resumed, resumed.stderr).toMatchObject({ code: 0 });
    expect(await ids()).toEqual([1, 2, 3, 4, 5]);
    expect(await names()).toHaveLength(COLLECTIONS + 1);
  });

  test("snapshot, which waits for a collector in vain", async () => {
    await using proxy = await startProxy({ target: { port: Number(new URL(inject("mongodbUri")).port) } });
    // The log ends where nothing had happened since: now something has.
    await source.db("admin").command({ appendOplogNote: 1, data: { after: "the log" } });
    await using oplog = new SpawnedOplog(["snapshot", "--source", proxy.uri, ...log]);
    // Asked of the source when the log is behind it.
    proxy.onClientMessage(({ command }) => {
      if (command === "appendOplogNote") oplog.child.kill("SIGINT");
    });
    expect(await oplog.ended, oplog.stderr).toBe(130);
    expect(oplog.stderr).toContain("run snapshot again");
  });
});

describe("apply", () => {
  test("says what it would do, and does it, for a part under another name", async () => {
    const args = ["--from", begin, "--to", end, "--ns", `${DATABASE}.orders`, "--rename", `${DATABASE}.orders=shop.orders`, "--lanes", "2"];
    const plan = await apply(...args, "--dry-run", "--json");
    expect(plan, plan.stderr).toMatchObject({ code: 0 });
    expect(JSON.parse(plan.stdout)).toMatchObject({
      schemaVersion: 1,
      plan: { from: begin, to: end, lanes: 2, renames: [`${DATABASE}.orders=shop.orders`] },
    });
    expect(await names("shop")).toEqual([]);
    const applied = await apply(...args, "--json");
    expect(applied, applied.stderr).toMatchObject({ code: 0, stderr: "" });
    expect(JSON.parse(applied.stdout)).toMatchObject({ schemaVersion: 1, events: 6, cutTransactions: { count: 0 } });
    expect(await ids("shop")).toEqual([1, 2, 3, 4, 5]);
    expect(await names()).toEqual([]);
  });

  test("refuses with 3 what is not covered, with 4 what is damaged; nothing is written then", async () => {
    const [before, four] = await Promise.all([
      apply("--from", "1000000000,1", "--to", end),
      damaged("log").then((copy) => runOplog(["apply", ...copy, "--from", begin, "--to", end, "--target", targetSet.uri])),
    ]);
    expect(before).toMatchObject({ code: 3, stdout: "" });
    expect(four).toMatchObject({ code: 4, stdout: "", stderr: expect.stringMatching(/segment/i) });
    expect(await names()).toEqual([]);
  });

  test.each([
    ["an end before its beginning", () => ["--from", end, "--to", begin], /before it begins/],
    ["a beginning inside a transaction", () => ["--from", token, "--to", "now"], /inside the transaction/],
    ["nothing to go on with", () => ["--from", begin, "--to", end, "--resume"], /no interrupted apply/],
    ["two names for one", () => ["--from", begin, "--to", end, "--rename", "a=b", "a=c"], /renamed twice/],
    ["a copy that is newer than the end", () => ["--from", begin, "--to", transaction, "--copied-until", end], /--copied-until/],
  ])("wrong usage is 2: %s", async (_, args, told) => {
    expect(await apply(...args())).toMatchObject({ code: 2, stdout: "", stderr: expect.stringMatching(told) });
  });
});

describe("export", () => {
  const exported = (...args: string[]) => runOplog(["export", ...log, "--from", begin, "--to", "now", ...args]);

  test("writes both formats and says what it wrote", async () => {
    const [bson, jsonl] = [join(directory, "dump", "oplog.bson"), join(directory, "events.jsonl")];
    const [first, second] = await Promise.all([
      exported("--format", "oplog-bson", "--out", bson, "--json"),
      exported("--format", "jsonl", "--out", jsonl),
    ]);
    const events = COLLECTIONS + 1 + 5;
    expect(JSON.parse(first.stdout)).toMatchObject({ schemaVersion: 1, events, entries: events, bytes: (await readFile(bson)).length });
    expect(second).toMatchObject({ code: 0, stderr: "", stdout: expect.stringContaining(`${events} events`) });
    const lines = (await readFile(jsonl, "utf8")).trimEnd().split("\n");
    expect(lines).toHaveLength(events);
    expect(JSON.parse(lines[0]!)).toMatchObject({ operationType: "create" });
  });

  test("refuses what is not covered with 3, what is damaged with 4, what can't be written or read with 2", async () => {
    const out = join(directory, "none.jsonl");
    const runs = await Promise.all([
      runOplog(["export", ...log, "--from", "1000000000,1", "--to", "now", "--format", "jsonl", "--out", out]),
      damaged("log").then((copy) => runOplog(["export", ...copy, "--from", begin, "--to", "now", "--format", "jsonl", "--out", out])),
      exported("--format", "jsonl", "--out", join(directory, "log")),
      exported("--format", "csv", "--out", out),
    ]);
    expect(runs.map(({ code }) => code)).toEqual([3, 4, 2, 2]);
    expect(runs.map(({ stdout }) => stdout)).toEqual(["", "", "", ""]);
    expect((await readdir(directory)).filter((name) => name.startsWith("none"))).toEqual([]);
  });
});

test("snapshot refuses wrong usage with 2, and with 3 a log that nobody records", async () => {
  const uri = inject("mongodbUri");
  const runs = await Promise.all([
    runOplog(["snapshot", "--source", uri, ...log, "--readers", "0"]),
    runOplog(["snapshot", "--source", uri, ...at(join(directory, "log"), "no/name")]),
    runOplog(["snapshot", "--source", uri, ...at(join(directory, "empty"), "none"), "--wait", "1"]),
  ]);
  expect(runs.map(({ code }) => code)).toEqual([2, 2, 3]);
});
