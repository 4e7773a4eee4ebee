import { randomUUID } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { ClusterView } from "@oplog-collector/manager";
import { MongoClient } from "mongodb";
import { afterEach, beforeEach, describe, expect, inject, test, vi } from "vitest";
import { waitFor } from "../../../scripts/wait-for.mjs";
import { runServer, SpawnedServer } from "./server-for-test.js";

// Each test starts several processes: a busy machine makes that slow, not wrong.
vi.setConfig({ testTimeout: 180_000 });

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "oplog-server-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

test("with nothing configured: keeps its registrations, and goes on after kill -9 and after an end in order, with nothing lost", async () => {
  const uri = inject("mongodbUri");
  const database = `server_${randomUUID().slice(0, 8)}`;
  await using client = new MongoClient(uri);
  const orders = client.db(database).collection<{ _id: number }>("orders");
  let written = 0;
  const write = async () => void (await orders.insertOne({ _id: ++written }, { writeConcern: { w: "majority" } }));
  const shop = (server: SpawnedServer) => server.ask<ClusterView>("GET", "/api/clusters/shop");
  const runs = (server: SpawnedServer) =>
    waitFor("its collector to run", async () => {
      const view = await shop(server);
      return view.state === "running" ? view : null;
    });

  const env = { LOG_MAX_BYTES: "1000", LOG_BACKUP_COUNT: "2", APP_LOG_LEVEL: "TRACE" };
  await using first = await SpawnedServer.listening(folder, env);
  expect(new URL(first.url).hostname).toBe("127.0.0.1");
  const store = pathToFileURL(join(folder, "store")).href;
  await first.ask("POST", "/api/clusters", { name: "shop", connectionString: uri, storeUri: store, database, rpoMs: 100 });
  const { pid } = await runs(first);
  await write();
  // A server on the same folder is refused in a sentence, and does the first one no harm.
  const second = await runServer([], { PORT: "0" }, folder);
  expect(second).toMatchObject({
    code: 1,
    stdout: "",
    stderr: expect.stringMatching(/^The embedded MongoDB in \S+ can't be started: .*\n$/),
  });

  const killedAt = performance.now();
  expect(await first.signal("SIGKILL")).toBe("SIGKILL");
  await write();
  await waitFor("its collector to end by itself", () => !isAlive(pid!), { timeoutMs: 8_000 });
  await using again = await SpawnedServer.listening(folder, env);
  await runs(again);
  expect(performance.now() - killedAt).toBeLessThan(60_000);
  await write();
  const { pid: running } = await runs(again);

  const askedAt = performance.now();
  expect(await again.signal("SIGTERM")).toBe(0);
  expect(performance.now() - askedAt).toBeLessThan(10_000);
  expect(isAlive(running!)).toBe(false);
  await write();

  await using last = await SpawnedServer.listening(folder, env);
  await runs(last);
  await write();
  const inserts = await waitFor("every insert", async () => {
    const { rows } = await last.ask<{ rows: { event: string }[] }>("GET", "/api/clusters/shop/events?op=insert&limit=100");
    return rows.length >= written && rows.map(({ event }) => Number(JSON.parse(event).documentKey._id.$numberInt));
  });
  expect(inserts).toEqual(Array.from({ length: written }, (_, n) => n + 1));
  expect(await last.ask("GET", "/api/clusters/shop/coverage")).toMatchObject({ gaps: [], timelines: [{}] });
  expect(await last.signal("SIGINT")).toBe(0);
  await client.db(database).dropDatabase();

  // What a user finds afterwards, by the names of the original.
  expect((await readdir(folder)).sort()).toEqual(["data", "logs", "store"]);
  expect((await stat(join(folder, "data", "encryption.key"))).mode & 0o777).toBe(0o600);
  expect((await readdir(join(folder, "logs"))).sort()).toEqual(
    expect.arrayContaining(["app.log", "app.log.1", "oplog_collector_shop.log"]),
  );
  // Of the two that may be kept: how much is logged until then depends on how busy the machine is.
  expect((await readdir(join(folder, "logs"))).filter((name) => name.startsWith("app.log.")).length).toBeLessThanOrEqual(2);
});

describe("its configuration", () => {
  test("is decided by flags, then environment, then file, and printed without secrets", async () => {
    const config = join(folder, "config.yaml");
    await writeFile(config, "port: 1\nhost: 127.0.0.2\nlogDir: from-file\nmetadataUri: mongodb://app:S3ntinel@db/meta\n");
    const env = { PORT: "2", LOG_DIR: "from-environment", AUTH_TOKENS: "a:admin:S3ntinel-0123456789", ENCRYPTION_KEY: "S3ntinel" };
    const { code, stdout, stderr } = await runServer(["--config", config, "--port", "3", "--print-config"], env, folder);
    expect(stderr).toBe("");
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      port: 3,
      host: "127.0.0.2",
      logDir: join(folder, "from-environment"),
      dataDir: join(folder, "data"),
      metadataUri: "mongodb://***@db/meta",
      authTokens: "(set)",
    });
    expect(stdout).not.toContain("S3ntinel");
    expect(await readdir(folder)).toEqual(["config.yaml"]);
  });

  test.each<[what: string, args: string[], env: Record<string, string>, says: RegExp]>([
    ["listening for everyone without a token", [], { HOST: "0.0.0.0" }, /Listening on 0\.0\.0\.0 without a token .*AUTH_TOKENS=/],
    ["a port that is none", ["--port", "many"], {}, /can't be used: port: /],
    ["a file that is not YAML", ["--config", "bad.yaml"], {}, /bad\.yaml can't be read: line 2, column 1 is not YAML/],
    ["a setting that there is not", ["--config", "unknown.yaml"], {}, /can't be used: .*"colour"/],
    ["an unknown flag", ["--colour", "red"], {}, /'--colour'/],
    ["a metadata database that can't be", ["--metadata-uri", "http://u:S3ntinel@h"], {}, /metadata database.*mongodb:\/\//],
    ["a key that is too short", [], { ENCRYPTION_KEY: "S3ntinel" }, /encryption key has \d+ bytes instead of 32/],
  ])("is refused in a sentence, with exit code 2: %s", async (_, args, env, says) => {
    await writeFile(join(folder, "bad.yaml"), "authTokens: [S3ntinel\n");
    await writeFile(join(folder, "unknown.yaml"), "colour: red\n");
    const { code, stdout, stderr } = await runServer(args, { PORT: "0", ...env }, folder);
    expect(stderr).toMatch(says);
    expect(stderr.trimEnd().split("\n")).toHaveLength(1);
    expect(stderr).not.toContain("S3ntinel");
    expect([code, stdout]).toEqual([2, ""]);
  });

  test("a metadata database that does not answer is said in a sentence", async () => {
    const away = await runServer(["--metadata-uri", "mongodb://app:S3ntinel@127.0.0.1:1/meta"], { PORT: "0" }, folder);
    expect(away.code).toBe(1);
    expect(away.stderr.trimEnd().split("\n")).toHaveLength(1);
    expect(away.stderr).toMatch(/^The metadata database can't be used: .*ECONNREFUSED.*Check host and port/);
    const log = await readFile(join(folder, "logs", "app.log"), "utf8").catch(() => "");
    expect(away.stderr + log).not.toContain("S3ntinel");
  });
});
