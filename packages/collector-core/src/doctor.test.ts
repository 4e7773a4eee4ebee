import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { MongoClient } from "mongodb";
import { afterAll, beforeAll, expect, test } from "vitest";
import { freePort } from "../../../scripts/free-port.mjs";
import { startReplicaSet } from "../../../scripts/replica-set.mjs";
import { tryStore } from "./doctor/store-checks.js";
import { type DoctorCheck, type DoctorOptions, examine } from "./doctor.js";
import { memoryStoreLocation } from "./stores/memory-store.js";

const PASSWORD = "S3nt!nel:p@ss/w0rd";

let set: Awaited<ReturnType<typeof startReplicaSet>>;
let admin: MongoClient;
let directory: string;

beforeAll(async () => {
  set = await startReplicaSet({ auth: true });
  admin = new MongoClient(set.uri);
  const createUser = (name: string, roles: unknown[]) => admin.db("admin").command({ createUser: name, pwd: PASSWORD, roles });
  await createUser("monitor", ["readAnyDatabase", "clusterMonitor"]);
  await createUser("reader", ["readAnyDatabase"]);
  await createUser("shop", [{ role: "read", db: "shop" }]);
  directory = await mkdtemp(join(tmpdir(), "oplog-doctor-"));
});

afterAll(async () => {
  await admin?.close();
  await set?.stop();
  if (directory) await rm(directory, { recursive: true });
});

const uriOf = (user: string, password = PASSWORD, path = "/?authSource=admin") =>
  `mongodb://${user}:${encodeURIComponent(password)}@127.0.0.1:${set.member(0).port}${path}`;

async function checksOf(options: DoctorOptions): Promise<DoctorCheck[]> {
  const checks: DoctorCheck[] = [];
  for await (const check of examine(options)) checks.push(check);
  for (const form of [PASSWORD, encodeURIComponent(PASSWORD)]) expect(JSON.stringify(checks)).not.toContain(form);
  return checks;
}

const named = (checks: DoctorCheck[], name: string) => checks.find(({ check }) => check === name);

test("with all privileges nothing fails, and the store is left as it was found", async () => {
  const checks = await checksOf({ source: uriOf("monitor"), store: pathToFileURL(directory).href });
  expect(checks.filter(({ ok }) => ok === false)).toEqual([]);
  expect(named(checks, "raw oplog opens")?.ok).toBe(true);
  expect(named(checks, "source is known again")?.ok).toBe(true);
  expect(named(checks, "oplog is long enough")?.ok).toBe(true);
  expect(named(checks, "clocks agree")?.ok).toBe(true);
  expect(named(checks, "store keeps what it is given")?.ok).toBe(true);
  expect(await readdir(directory)).toEqual([]);
});

test("without clusterMonitor the change stream works, and what is missing is told", async () => {
  const checks = await checksOf({ source: uriOf("reader") });
  expect(checks.filter(({ ok }) => ok === false)).toEqual([]);
  for (const name of ["source is known again", "raw oplog opens"])
    expect(named(checks, name)).toMatchObject({ ok: "warning", hint: expect.stringContaining("clusterMonitor") });
  expect(named(checks, "oplog is long enough")).toMatchObject({ ok: "warning", detail: expect.stringContaining("clusterMonitor") });
});

test("what is not carried is told, each with what to do, for the way that is chosen", async () => {
  const whole = named(await checksOf({ source: uriOf("monitor") }), "everything is carried");
  expect(whole).toMatchObject({ ok: true, detail: expect.stringMatching(/raw oplog, which auto chooses/), report: { complete: true } });
  const asked = named(await checksOf({ source: uriOf("monitor"), capture: "change-stream" }), "everything is carried");
  expect(asked).toMatchObject({ ok: true, detail: expect.stringContaining("by the change stream"), report: { capture: "change-stream" } });
  const checks = await checksOf({ source: uriOf("reader") });
  expect(named(checks, "everything is carried")).toMatchObject({ ok: "warning", detail: expect.stringContaining("not: users and roles") });
  expect(named(checks, "carried: users and roles")).toMatchObject({
    ok: "warning",
    detail: expect.stringMatching(/^not: users and roles \(admin\.system\.users/),
    hint: expect.stringContaining("clusterMonitor"),
  });
  // What does not open carries nothing.
  for (const options of [{ capture: "oplog" }, { capture: "oplog", database: "shop" }] as const)
    expect(named(await checksOf({ source: uriOf("reader"), ...options }), "everything is carried")).toBeUndefined();
});

test("a user of one database can capture that one only", async () => {
  expect(named(await checksOf({ source: uriOf("shop") }), "change stream opens")).toMatchObject({
    ok: false,
    hint: expect.stringContaining("readAnyDatabase"),
  });
  expect(named(await checksOf({ source: uriOf("shop"), database: "shop" }), "change stream opens")?.ok).not.toBe(false);
});

test("a refused password, and a store of which nothing is wrong", async () => {
  const checks = await checksOf({ source: uriOf("reader", `${PASSWORD}x`), store: pathToFileURL(directory).href });
  expect(checks).toMatchObject([
    { check: "source answers", ok: false, hint: expect.stringContaining("authSource") },
    { check: "store keeps what it is given", ok: true },
  ]);
});

test("a server that is not there", async () => {
  const [check, ...others] = await checksOf({ source: `mongodb://127.0.0.1:${await freePort()}/` });
  expect(check).toMatchObject({ ok: false, detail: expect.stringContaining("ECONNREFUSED") });
  expect(others).toEqual([]);
});

test("a store on the source's own deployment fails, unless another database is captured; nothing stays there", async () => {
  const { username, password } = set.credentials!;
  const store = uriOf(username, password, "/oplog_store?authSource=admin");
  expect(named(await checksOf({ source: uriOf("monitor"), store }), "store is apart from the source")?.ok).toBe(false);
  expect(named(await checksOf({ source: uriOf("shop"), database: "shop", store }), "store is apart from the source")?.ok).toBe("warning");
  expect(await admin.db("oplog_store").listCollections().toArray()).toEqual([]);
});

test("a store that may not be written to, or whose user may not", async () => {
  const store = uriOf("monitor", PASSWORD, "/oplog_store?authSource=admin");
  expect(named(await checksOf({ source: uriOf("shop"), database: "shop", store }), "store keeps what it is given")).toMatchObject({
    ok: false,
    hint: expect.stringContaining("readWrite"),
  });
});

test("a store that lets a second writer replace a segment is found out", async () => {
  const store = await memoryStoreLocation().log("a");
  const careless = Object.assign(Object.create(store), {
    append: async (...args: Parameters<typeof store.append>) => {
      await store.append(...args);
      return "stored";
    },
  });
  await expect(tryStore(careless, "a")).rejects.toThrow(/second writer/);
  await store.remove();
  await expect(tryStore(store, "a")).resolves.toBeGreaterThanOrEqual(0);
});
