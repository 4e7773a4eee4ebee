/// <reference path="../../../scripts/vitest-context.d.ts" />
import { execFile } from "node:child_process";
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { clusterTime, compress, openStore, sealSegment } from "@oplog-collector/collector-core";
import { sampleSegment } from "@oplog-collector/collector-core/testing";
import { BSON, MongoClient, Timestamp } from "mongodb";
import { afterAll, beforeAll, expect, inject, test, vi } from "vitest";
import { waitFor } from "../../../scripts/wait-for.mjs";
import { runOplog, SpawnedOplog } from "./oplog-for-test.js";

// Each test starts several processes: a busy machine makes that slow, not wrong.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

const DATABASE = "cli_log_commands";
const ORDERS = `${DATABASE}.orders`;

let directory: string;
/** `--store URI --name orders` of a log that every test reads and none changes. */
let log: string[];

const at = (path: string, name = "orders") => ["--store", pathToFileURL(path).href, "--name", name];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "oplog-log-commands-"));
  log = at(join(directory, "log"));
  const source = inject("mongodbUri");
  const client = new MongoClient(source);
  const orders = client.db(DATABASE).collection<{ _id: number | string }>("orders");
  await using oplog = new SpawnedOplog(["collect", "--source", source, ...log, "--database", DATABASE, "--json", "--rpo", "20"]);
  await oplog.running();
  await orders.insertMany([{ _id: 1 }, { _id: "1" }, { _id: 2 }]);
  await oplog.status("the inserts to be stored", ({ events }) => events >= 4);
  await orders.updateOne({ _id: 1 }, { $set: { paid: true } });
  await orders.deleteOne({ _id: 1 });
  await client.db(DATABASE).collection("other").insertOne({});
  await oplog.status("the rest to be stored", ({ events }) => events >= 8);
  await oplog.signal("SIGTERM");
  // The newest event is known to be all of its cluster time once the source had nothing more to show.
  const caughtUp = ["collect", "--source", source, ...log, "--database", DATABASE, "--exit-when-caught-up"];
  expect((await runOplog(caughtUp)).code).toBe(0);
  await client.close();
});

afterAll(async () => {
  if (directory) await rm(directory, { recursive: true });
});

interface Printed {
  operationType: string;
  documentKey?: { _id: unknown };
  clusterTime: { $timestamp: { t: number; i: number } };
  _id: { _data: string };
}

async function events(...args: string[]): Promise<Printed[]> {
  const { code, stdout, stderr } = await runOplog(["events", ...log, ...args]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return stdout
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line));
}

const operations = async (...args: string[]) => (await events(...args)).map(({ operationType }) => operationType);

test("range prints what is covered, for people and for programs", async () => {
  const { code, stdout } = await runOplog(["range", ...log, "--json"]);
  const range = JSON.parse(stdout);
  const position = {
    clusterTime: expect.stringMatching(/^\d+,\d+$/),
    wallTime: expect.stringMatching(/Z$/),
    token: expect.stringMatching(/^82/),
  };
  expect(code).toBe(0);
  expect(range).toMatchObject({ schemaVersion: 1, timelines: [{ from: position, to: position }], gaps: [], snapshots: [], events: 8 });
  const printed = await events();
  const size = printed.length;
  expect(size).toBe(8);
  expect(range.bytes).toBeGreaterThan(range.events * 100);
  expect(range.storedBytes).toBeGreaterThan(0);

  const text = (await runOplog(["range", ...log])).stdout;
  expect(text).toContain("8 events");
  expect(text).toContain(range.timelines[0].from.clusterTime);
  expect(text).toContain(range.timelines[0].to.clusterTime);
});

test("events by namespace, operation, document and number", async () => {
  expect(await operations()).toEqual(["create", "insert", "insert", "insert", "update", "delete", "create", "insert"]);
  expect(await operations("--ns", ORDERS, "--op", "insert")).toHaveLength(3);
  expect(await operations("--ns", "*.other")).toEqual(["create", "insert"]);
  expect(await operations("--id", "1")).toEqual(["insert", "update", "delete"]);
  expect(await operations("--id", '"1"')).toEqual(["insert"]);
  expect(await operations("--id", '{"$numberDouble":"1.0"}')).toEqual([]);
  expect(await operations("--limit", "2")).toEqual(["create", "insert"]);
  expect(await operations("--limit", "0")).toEqual([]);
});

test("events after one moment up to another: a cluster time, a token, a date", async () => {
  const all = await events();
  const update = all.find(({ operationType }) => operationType === "update")!;
  const { t, i } = update.clusterTime.$timestamp;
  expect(await operations("--to", `${t},${i}`)).toEqual(["create", "insert", "insert", "insert", "update"]);
  expect(await operations("--from", `${t},${i}`)).toEqual(["delete", "create", "insert"]);
  expect(await operations("--from", all[1]!._id._data, "--to", all[3]!._id._data)).toEqual(["insert", "insert"]);
  expect(await operations("--from", `${t},${i}`, "--to", "now")).toEqual(["delete", "create", "insert"]);
  expect(await operations("--from", new Date(t * 1000 - 1).toISOString(), "--to", `${t},${i}`)).toContain("update");
});

test("a range that the log does not cover is told, after what there is", async () => {
  const before = await runOplog(["events", ...log, "--from", "2020-01-01T00:00:00Z"]);
  expect(before.code).toBe(3);
  expect(before.stdout.split("\n")).toHaveLength(8 + 1);
  expect(before.stderr).toMatch(/The log begins at \d+,\d+/);
  const after = await runOplog(["events", ...log, "--to", new Date(Date.now() + 60_000).toISOString()]);
  expect(after.code).toBe(3);
  expect(after.stderr).toMatch(/The log reaches to \d+,\d+/);
  expect((await runOplog(["events", ...log, "--from", "2020-01-01T00:00:00Z", "--limit", "1"])).code).toBe(0);
});

test("a reader who has seen enough ends it without a failure", async () => {
  const bin = fileURLToPath(new URL("../bin/oplog.js", import.meta.url));
  const pipe = 'set -o pipefail; "$0" "$@" | head -n 1';
  const { stdout, stderr } = await promisify(execFile)("bash", ["-c", pipe, process.execPath, bin, "events", ...log]);
  expect(JSON.parse(stdout).operationType).toBe("create");
  expect(stderr).toBe("");
});

/** The files of a log's segments, by number. */
async function segmentFiles(path: string): Promise<string[]> {
  const names = await readdir(path, { recursive: true });
  return names
    .filter((name) => name.endsWith(".segment"))
    .sort()
    .map((name) => join(path, name));
}

test("one flipped byte: verify names the segment and exits with 4, and events does not print what is not sound", async () => {
  const copy = join(directory, "damaged");
  await cp(join(directory, "log"), copy, { recursive: true });
  const file = (await segmentFiles(copy)).at(1)!;
  const bytes = await readFile(file);
  bytes[bytes.length - 20]! ^= 1;
  await writeFile(file, bytes);

  const verified = await runOplog(["verify", ...at(copy), "--json"]);
  expect(verified.code).toBe(4);
  expect(JSON.parse(verified.stdout)).toMatchObject({ schemaVersion: 1, ok: false, segments: 1, bad: { segment: 2 } });
  expect(verified.stderr).toMatch(/damaged/i);
  expect(verified.stderr).toMatch(/segment 2/i);
  const printed = await runOplog(["events", ...at(copy)]);
  expect({ code: printed.code, stdout: printed.stdout }).toEqual({ code: 4, stdout: "" });
});

test("a missing segment: range shows the gap, and verify and a range over it fail", async () => {
  const copy = join(directory, "holed");
  await cp(join(directory, "log"), copy, { recursive: true });
  const files = await segmentFiles(copy);
  await rm(files.at(1)!);
  const { gaps, timelines } = JSON.parse((await runOplog(["range", ...at(copy), "--json"])).stdout);
  expect(gaps).toMatchObject([{ cause: expect.stringContaining("segment 2 is missing") }]);
  expect(timelines.length).toBe(2);
  expect((await runOplog(["verify", ...at(copy), "--json"])).code).toBe(4);
  const all = await runOplog(["events", ...at(copy)]);
  expect(all.code).toBe(0);
  expect(all.stderr).toContain("segment 2 is missing");
  const over = await runOplog(["events", ...at(copy), "--from", timelines[0].from.clusterTime, "--to", "now"]);
  expect(over.code).toBe(3);
  expect(over.stderr).toContain("segment 2 is missing");
});

test("prune removes whole segments before a moment, never under a legal hold, and the log goes on being sound", async () => {
  const copy = join(directory, "pruned");
  await cp(join(directory, "log"), copy, { recursive: true });
  const run = async (...args: string[]) => {
    const { code, stdout, stderr } = await runOplog([args[0]!, ...at(copy), "--json", ...args.slice(1)]);
    return { code, stderr, printed: stdout ? JSON.parse(stdout) : undefined };
  };
  const before = (await run("range")).printed;
  const planned = await run("prune", "--before", "now", "--dry-run");
  expect(planned.printed).toMatchObject({ dryRun: true, segments: before.segments - 1, upToSegment: before.segments - 1, held: null });
  expect((await run("range")).printed).toEqual(before);

  expect((await run("hold", "--reason", "case 4711")).printed.held).toMatchObject({ reason: "case 4711" });
  const refused = await run("prune", "--before", "now");
  expect(refused).toMatchObject({ code: 1, stderr: expect.stringMatching(/legal hold .* case 4711/) });
  expect((await run("prune", "--before", "now", "--dry-run")).printed.held.reason).toBe("case 4711");
  expect((await run("range")).printed).toEqual(before);
  expect((await run("hold", "--release", "--reason", "settled")).printed.held).toBeNull();

  expect((await run("prune", "--before", "now")).printed).toEqual({ ...planned.printed, dryRun: false });
  const after = (await run("range")).printed;
  expect(after).toMatchObject({ segments: 1, gaps: [], timelines: [{ from: { clusterTime: planned.printed.keptFrom } }] });
  expect(after.timelines[0].to).toEqual(before.timelines[0].to);
  expect((await run("verify")).printed).toMatchObject({ ok: true, segments: 1 });
  expect(await run("prune")).toMatchObject({ code: 2, stderr: expect.stringMatching(/--before/) });
});

test("prune by size removes the oldest until the rest fits, and says what does not", async () => {
  const copy = join(directory, "pruned-by-size");
  await cp(join(directory, "log"), copy, { recursive: true });
  const json = async (...args: string[]) => JSON.parse((await runOplog([args[0]!, ...at(copy), "--json", ...args.slice(1)])).stdout);
  const before = await json("range");
  const planned = await json("prune", "--max-bytes", `${before.storedBytes - 1}`, "--dry-run");
  expect(planned).toMatchObject({ dryRun: true, segments: 1, upToSegment: 1, bytesTooMany: 0 });
  expect(await json("range")).toEqual(before);
  expect(await json("prune", "--max-bytes", `${before.storedBytes - 1}`)).toEqual({ ...planned, dryRun: false });
  const rest = await json("range");
  expect(rest).toMatchObject({ segments: before.segments - 1, storedBytes: before.storedBytes - planned.storedBytes, gaps: [] });
  // The newest segment always stays.
  expect(await json("prune", "--max-bytes", "1")).toMatchObject({ segments: rest.segments - 1 });
  expect(await json("range")).toMatchObject({ segments: 1, timelines: [{ to: before.timelines[0].to }] });
  expect(await json("verify")).toMatchObject({ ok: true, segments: 1 });
  for (const wrong of ["0", "-1", "1e6", "many"])
    expect((await runOplog(["prune", ...at(copy), "--max-bytes", wrong])).code, wrong).toBe(2);
});

test("compact keeps many small segments as one object, and says what it would do", async () => {
  const quiet = join(directory, "quiet");
  const location = await openStore(pathToFileURL(quiet).href);
  const store = await location.log("orders");
  for (let number = 1, previous: Buffer | null = null; number <= 50; number++) {
    const segment = sampleSegment({ number, previous });
    await store.append(segment);
    previous = segment.hash;
  }
  const json = async (...args: string[]) => JSON.parse((await runOplog([args[0]!, ...at(quiet), "--json", ...args.slice(1)])).stdout);
  const [range, verified] = [await json("range"), await json("verify")];
  expect(verified).toMatchObject({ ok: true, segments: 50 });
  expect(await json("compact", "--dry-run")).toMatchObject({ dryRun: true, bundles: 1, segments: 49, bundleBytes: null });
  expect(await segmentFiles(quiet)).toHaveLength(50);
  expect((await runOplog(["compact", ...at(quiet)])).stdout).toMatch(/^orders: put 49 segments in 1 bundles: .+ before, .+ now\n$/);
  expect(await segmentFiles(quiet)).toHaveLength(1);
  expect(await json("range")).toEqual(range);
  expect(await json("verify")).toEqual(verified);
  expect((await runOplog(["compact", ...at(quiet)])).stdout).toBe("orders: nothing to put together\n");
});

test("copy brings a log to another kind of store and back, byte for byte, again and again", async () => {
  const there = inject("mongodbUri").replace("/?", "/cli_copy?");
  await using client = new MongoClient(there);
  await client.db("cli_copy").dropDatabase();
  const to = async (from: string[], uri: string) => {
    const { code, stdout, stderr } = await runOplog(["copy", ...from, "--to", uri, "--json"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    return JSON.parse(stdout);
  };
  const { segments } = JSON.parse((await runOplog(["range", ...log, "--json"])).stdout);
  expect(await to(log, there)).toMatchObject({ segments, upToSegment: segments, caughtUp: true });
  expect(await to(log, there)).toMatchObject({ segments: 0, upToSegment: segments });
  const back = join(directory, "copied-back");
  await to(["--store", there, "--name", "orders"], pathToFileURL(back).href);
  const contents = async (path: string) => Promise.all((await segmentFiles(path)).map((file) => readFile(file)));
  expect(await contents(back)).toEqual(await contents(join(directory, "log")));
  const ranges = await Promise.all(
    [log, at(back)].map(async (where) => JSON.parse((await runOplog(["range", ...where, "--json"])).stdout)),
  );
  expect(ranges[1]).toEqual(ranges[0]);
  expect((await runOplog(["copy", ...log, "--to", log[1]!])).code).toBe(2);
});

test("a slow reader holds up the reading: memory does not grow with the log", async () => {
  // 320 MiB of events, of which the store keeps little: each segment is the same 8 MiB.
  const SEGMENTS = 40;
  const path = join(directory, "large");
  await writeLargeLog(path, SEGMENTS);
  await using oplog = new SpawnedOplog(["events", ...at(path, "large")]);
  const rss = async () => Number(/VmHWM:\s+(\d+)/.exec(await readFile(`/proc/${oplog.child.pid}/status`, "utf8"))![1]) / 1024;
  oplog.child.stdout!.once("data", () => oplog.child.stdout!.pause());
  await waitFor("the first events", () => oplog.stdout.length > 0);
  oplog.child.stdout!.pause();
  const read = oplog.stdout.length;
  // It would need a few seconds for all; while it is held up it uses no processor at all.
  await heldUp(oplog.child.pid!);
  expect(oplog.stdout.length).toBeLessThan(read + 8 * 1024 * 1024);
  expect(await rss()).toBeLessThan(250);
});

/** Waits until a process has used no processor time for a while. */
async function heldUp(pid: number): Promise<void> {
  let before = "";
  let since = Date.now();
  await waitFor("it to be held up", async () => {
    const ticks = (await readFile(`/proc/${pid}/stat`, "utf8")).split(") ")[1]!.split(" ").slice(11, 13).join();
    if (ticks !== before) since = Date.now();
    before = ticks;
    return Date.now() - since > 1_000;
  });
}

async function writeLargeLog(path: string, segments: number): Promise<void> {
  const location = await openStore(pathToFileURL(path).href);
  const store = await location.log("large");
  const time = clusterTime(1_795_356_656, 1);
  const filler = "x".repeat(4_000);
  const event = BSON.serialize({
    _id: { _data: "82" },
    operationType: "insert",
    clusterTime: new Timestamp(time),
    ns: { db: "a", coll: "b" },
    filler,
  });
  const count = Math.floor((8 * 1024 * 1024) / event.length);
  const payload = Buffer.concat(Array.from({ length: count }, () => event));
  const compressed = await compress("gzip")(payload);
  const position = { token: null, clusterTime: time, wallTime: null };
  for (let number = 1; number <= segments; number++) {
    const counts = [{ namespace: "a.b", operation: "insert", events: count }];
    const ends = { from: position, to: position, coveredTo: time };
    const header = {
      number,
      kind: "events" as const,
      log: "large",
      previous: null,
      sealedAt: new Date(),
      ...ends,
      format: "change-event" as const,
    };
    await store.append(sealSegment({ ...header, events: count, bytes: payload.length, counts, codec: "gzip" }, compressed));
  }
  await location.close();
}
