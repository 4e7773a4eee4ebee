import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { MongoClient } from "mongodb";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { freePort } from "../../../scripts/free-port.mjs";
import { findMongod } from "../../../scripts/mongod.mjs";
import { Member } from "../../../scripts/mongod-process.mjs";
import { startReplicaSet } from "../../../scripts/replica-set.mjs";
import { type OplogRun, runOplog, SpawnedOplog } from "./oplog-for-test.js";

// Each test starts several processes: a busy machine makes that slow, not wrong.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

/** With what URIs must escape, and what shells and log formats like to eat. */
const PASSWORD = "S3nt!nel:p@ss/w0rd";
const ENCODED = encodeURIComponent(PASSWORD);

let set: Awaited<ReturnType<typeof startReplicaSet>>;
let standalone: Member;
let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "oplog-bad-input-"));
  const { path: mongod } = await findMongod();
  const args = ["--bind_ip", "127.0.0.1", "--nounixsocket", "--wiredTigerCacheSizeGB", "0.25"];
  standalone = new Member({ mongod, args, dir: join(directory, "standalone"), port: await freePort(), timeoutMs: 30_000 });
  [set] = await Promise.all([startReplicaSet({ auth: true }), standalone.start()]);
  const admin = new MongoClient(set.uri);
  const createUser = (name: string, roles: unknown[]) => admin.db("admin").command({ createUser: name, pwd: PASSWORD, roles });
  await createUser("all", ["readAnyDatabase", "clusterMonitor"]);
  await createUser("one", [{ role: "read", db: "shop" }]);
  await createUser("store", [{ role: "readWrite", db: "oplog_store" }]);
  await admin.close();
});

afterAll(async () => {
  await standalone?.kill();
  await set?.stop();
  if (directory) await rm(directory, { recursive: true });
});

const host = () => `127.0.0.1:${set.member(0).port}`;
const uri = (user: string, { password = ENCODED, at = host(), path = "/?authSource=admin" } = {}) =>
  `mongodb://${user}:${password}@${at}${path}`;
const store = () => pathToFileURL(join(directory, "log")).href;

const collect = (source: string, ...args: string[]) => [
  "collect",
  "--source",
  source,
  "--store",
  store(),
  "--name",
  "a",
  "--exit-when-caught-up",
  ...args,
];

/** One sentence that names the trouble, what to do, the exit code; no stack, no password. */
function expectRefusal({ code, stdout, stderr }: OplogRun, exitCode: number, ...says: RegExp[]): void {
  for (const text of says) expect(stderr).toMatch(text);
  expect(code).toBe(exitCode);
  expect(stdout).toBe("");
  expect(stderr).not.toMatch(/^\s+at .*\d+:\d+\)?$/m);
  expectNoPassword(stderr);
}

function expectNoPassword(...texts: string[]): void {
  for (const text of texts) for (const form of [PASSWORD, ENCODED, encodeURIComponent(ENCODED), "S3nt"]) expect(text).not.toContain(form);
}

describe("a source that can't be captured", () => {
  test("a standalone server", async () => {
    expectRefusal(await runOplog(collect(`mongodb://127.0.0.1:${standalone.port}/`)), 1, /standalone server/, /--replSet/, /rs\.initiate/);
  });

  test("a refused password", async () => {
    expectRefusal(
      await runOplog(collect(uri("all", { password: `${ENCODED}x` }))),
      1,
      /source refused the user name or password/,
      /authSource/,
    );
  });

  test("an unknown host, at once", async () => {
    expectRefusal(
      await runOplog(collect(uri("all", { at: "no-such-host.invalid:27017" }))),
      1,
      /host .* is unknown/,
      /no-such-host\.invalid/,
    );
  });

  test("a refused port, after as many tries as allowed", async () => {
    const run = await runOplog(collect(uri("all", { at: `127.0.0.1:${await freePort()}` }), "--max-retries", "0"));
    expectRefusal({ ...run, stderr: run.stderr }, 1, /source could not be used/, /ECONNREFUSED/, /Check host and port/);
  });

  test("a user without the privilege for everything, or for the one database", async () => {
    expectRefusal(await runOplog(collect(uri("one"))), 1, /may not run aggregate on the database admin/, /readAnyDatabase/, /--database/);
    expectRefusal(await runOplog(collect(uri("one"), "--database", "other")), 1, /may not run aggregate on the database other/);
  });

  test("a URI that is none, or has characters that must be escaped", async () => {
    expectRefusal(await runOplog(collect(uri("all", { password: PASSWORD }))), 2, /source's MongoDB URI can't be used/, /percent-encode/);
    expectRefusal(await runOplog(collect(`postgres://all:${ENCODED}@${host()}/`)), 2, /source's MongoDB URI can't be used/);
    expectRefusal(await runOplog(collect("env:NO_SUCH_VARIABLE")), 2, /"NO_SUCH_VARIABLE" is not set/);
    expectRefusal(await runOplog(collect("file-ref:/no/such/file")), 2, /"\/no\/such\/file".* can't be read/);
  });

  test("a database that can't be", async () => {
    expectRefusal(await runOplog(collect(uri("all"), "--database", "sh/op")), 2, /"sh\/op" can't be the database/);
    expectRefusal(await runOplog(collect(uri("all"), "--database", "admin")), 2, /"admin" can't be the database/);
  });
});

describe("a store that can't be used", () => {
  const into = (storeUri: string, ...args: string[]) => ["collect", "--source", uri("all"), "--store", storeUri, "--name", "a", ...args];

  test("on the source's own deployment, unless another database is captured", async () => {
    const own = uri("store", { path: "/oplog_store?authSource=admin" });
    expectRefusal(await runOplog(into(own)), 1, /on the source's own deployment/, /another deployment/);
    expectRefusal(await runOplog(into(own, "--database", "oplog_store")), 1, /in the database oplog_store/);
    expect((await runOplog(into(own, "--database", "shop", "--exit-when-caught-up"))).code).toBe(0);
  });

  test("a refused password, an unknown host, a scheme of another kind", async () => {
    expectRefusal(await runOplog(into(uri("store", { password: `${ENCODED}x` }))), 1, /store refused the user name or password/);
    expectRefusal(await runOplog(into(uri("store", { at: "no-such-host.invalid" }))), 1, /host of the store's URI is unknown/);
    expectRefusal(await runOplog(into(`redis://all:${ENCODED}@${host()}/`)), 2, /store can't be opened/, /file:/);
  });
});

describe("words that can't be used", () => {
  test.each([
    ["a/b", /"a\/b" can't be used/],
    ["x".repeat(200), /can't be used for a log/],
    ["", /can't be used/],
  ])("the name %j", async (name, says) => {
    expectRefusal(await runOplog(["collect", "--source", uri("all"), "--store", store(), "--name", name]), 2, says, /letters, digits/);
    expectRefusal(await runOplog(["range", "--store", store(), "--name", name]), 2, says);
  });

  test("a time that is none, in the future, or before the oplog", async () => {
    const from = (time: string) => runOplog(collect(uri("all"), "--from", time));
    expectRefusal(await from("yesterday"), 2, /"yesterday" is not a time/, /ISO-8601/);
    expectRefusal(await from(new Date(Date.now() + 3_600_000).toISOString()), 2, /in the source's future/);
    expectRefusal(await from("2020-01-01T00:00:00Z"), 3, /oplog begins at/, /--from oldest/);
    expectRefusal(await runOplog(["events", "--store", store(), "--name", "a", "--to", "2026-02-31T00:00"]), 2, /is not a time/);
  });

  test("unknown commands and options, missing options, bad values", async () => {
    const literal = uri("all");
    expectRefusal(await runOplog(["colect"]), 2, /unknown command 'colect'/, /collect/);
    expectRefusal(await runOplog(collect(literal, "--sauce", literal)), 2, /unknown option '--sauce'/);
    expectRefusal(await runOplog(["range", "--name", "a"]), 2, /required option '--store <uri>'/);
    expectRefusal(await runOplog(["collect", "--store", store(), "--name", "a"]), 2, /required option '--source <uri>'/);
    expectRefusal(await runOplog(collect(literal, "--rpo", "-5")), 2, /--rpo/, /milliseconds/);
    expectRefusal(await runOplog(collect(literal, "--capture", literal)), 2, /--capture/, /change-stream/);
    expectRefusal(await runOplog(["events", "--store", store(), "--name", "a", "--id", "{no"]), 2, /--id/, /Extended JSON/);
    expectRefusal(await runOplog(["range", "--store", store(), "--name", "a", literal]), 2, /too many arguments/);
  });

  test("a log level that is none", async () => {
    expectRefusal(await runOplog(collect(uri("all")), { OPLOG_LOG_LEVEL: "loud" }), 2, /OPLOG_LOG_LEVEL is "loud"/, /debug/);
  });

  test("a log that is not there, in a store with others and in one with none", async () => {
    expect(
      (await runOplog(["collect", "--source", uri("all"), "--store", store(), "--name", "orders", "--exit-when-caught-up"])).code,
    ).toBe(0);
    for (const command of ["range", "events", "verify"]) {
      expectRefusal(await runOplog([command, "--store", store(), "--name", "nothing"]), 3, /no log named nothing/, /orders/);
      expectRefusal(await runOplog([command, "--store", `${store()}-none`, "--name", "nothing"]), 3, /no log at all/);
    }
  });
});

test("a password is nowhere: not in stdout, stderr, status or debug log, and by env: and file-ref: not in the process list", async () => {
  const file = join(directory, "uri");
  await writeFile(file, `${uri("all")}\n`);
  for (const source of ["env:SECRET_SOURCE", `file-ref:${file}`, uri("all")]) {
    const args = ["collect", "--source", source, "--store", store(), "--name", "secret", "--json"];
    await using oplog = new SpawnedOplog(args, { SECRET_SOURCE: uri("all"), OPLOG_LOG_LEVEL: "trace" });
    await oplog.running();
    expectNoPassword(await readFile(`/proc/${oplog.child.pid}/cmdline`, "utf8"));
    expect(await oplog.signal("SIGTERM")).toBe(0);
    expectNoPassword(oplog.stdout, oplog.stderr);
  }
});
