import { randomBytes } from "node:crypto";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type Document, MongoClient } from "mongodb";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { startReplicaSet } from "../../../scripts/replica-set.mjs";
import { waitFor } from "../../../scripts/wait-for.mjs";
import { SpawnedServer } from "../../server/src/server-for-test.js";
import { type OplogRun, runOplog } from "./oplog-for-test.js";

// Each test starts several processes: a busy machine makes that slow, not wrong.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

const password = `sentinel${randomBytes(8).toString("hex")}`;
const token = `token${randomBytes(12).toString("hex")}`;
const key = randomBytes(32).toString("hex");
/** In none of the forms in which it could be printed. */
const SECRETS = [password, token, key, Buffer.from(password).toString("base64").slice(0, 20), Buffer.from(password).toString("hex")];

let folder: string;
let set: Awaited<ReturnType<typeof startReplicaSet>>;
let server: SpawnedServer;
/** All that was printed. */
const printed: string[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "oplog-clusters-"));
  set = await startReplicaSet({ name: "clusters", auth: { username: "root", password } });
  server = await SpawnedServer.listening(folder, {
    CENTRAL_METADATA_DB_URI: set.uri.replace("/?", "/meta?"),
    AUTH_TOKENS: `anna:admin:${token}`,
    ENCRYPTION_KEY: key,
    APP_LOG_LEVEL: "trace",
  });
});
afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
  await set?.stop();
  if (folder) await rm(folder, { recursive: true });
});

async function clusters(...args: string[]): Promise<OplogRun> {
  const env = {
    OPLOG_SERVER: server.url,
    OPLOG_TOKEN: "env:MY_TOKEN",
    MY_TOKEN: token,
    SOURCE: set.uri,
    STORE: pathToFileURL(join(folder, "store")).href,
  };
  const run = await runOplog(["clusters", ...args], env);
  printed.push(run.stdout, run.stderr);
  return run;
}

/** The document of `--json`. */
async function json(...args: string[]): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await clusters(...args, "--json");
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  const result = JSON.parse(stdout);
  expect(result.schemaVersion).toBe(1);
  return result;
}

const becomes = (state: string) => waitFor(state, async () => (await json("show", "shop")).state === state, { everyMs: 200 });

test("add, list, show, stop, start, reset and remove do what they say; no secret is left anywhere", async () => {
  expect((await clusters("list")).stdout).toContain("No cluster is registered");
  const added = await clusters("add", "shop", "--source", "env:SOURCE", "--store", "env:STORE", "--database", "shop");
  expect([added.code, added.stderr]).toEqual([0, expect.stringContaining("shop: Registered")]);
  await becomes("running");
  const { stdout } = await clusters("list");
  expect(stdout).toMatch(/name +state/);
  expect(stdout).toMatch(/shop +running/);
  expect((await clusters("show", "shop")).stdout).toContain("mongodb://***@127.0.0.1");
  const { pid } = await json("show", "shop");

  // What others on the machine can see of the processes meanwhile.
  const places = new Map<string, string>();
  for (const id of [pid, server.child.pid]) places.set(`process list, ${id}`, await readFile(`/proc/${id}/cmdline`, "utf8"));
  places.set("a collector's environment", await readFile(`/proc/${pid}/environ`, "utf8"));
  const headers = { authorization: `Bearer ${token}` };
  for (const path of [
    "/",
    "/nowhere",
    "/api/nowhere",
    "/api/openapi.json",
    "/readyz",
    "/livez",
    "/metrics",
    "/api/metrics",
    "/api/clusters",
    "/api/clusters/shop/logs",
  ]) {
    places.set(path, await (await server.fetch("GET", path, undefined, headers)).text());
    places.set(`${path} without a token`, await (await server.fetch("GET", path)).text());
  }
  const stream = (await server.fetch("GET", "/api/stream", undefined, headers)).body!.getReader();
  places.set("the stream", new TextDecoder().decode((await stream.read()).value));
  await stream.cancel();

  expect((await clusters("start", "shop")).code).toBe(1); // it runs
  expect(await json("stop", "shop")).toMatchObject({ name: "shop", desired: "stopped" });
  await becomes("stopped");
  expect(await json("start", "shop")).toMatchObject({ desired: "running" });
  await becomes("running");
  const unconfirmed = await clusters("reset", "shop");
  expect([unconfirmed.code, unconfirmed.stderr]).toEqual([2, expect.stringContaining("--yes")]);
  expect((await clusters("reset", "shop", "--yes")).code).toBe(0);
  await becomes("running");
  expect((await clusters("remove", "shop")).code).toBe(2);
  expect(await readdir(join(folder, "store"))).toEqual(["shop"]);
  expect(await json("rotate-key")).toEqual({ schemaVersion: 1, rotated: 0, locked: [] });
  expect((await clusters("rotate-key")).stderr).toContain("no longer needed");
  expect(await json("remove", "shop", "--yes")).toMatchObject({ removed: expect.any(String) });
  expect(await json("list")).toMatchObject({ clusters: [] });

  places.set("what was printed", printed.join("\n"));
  places.set("the server's stderr", server.stderr);
  for (const file of await readdir(join(folder, "logs"))) places.set(`log ${file}`, await readFile(join(folder, "logs", file), "utf8"));
  await using client = new MongoClient(set.uri);
  for (const { name } of await client.db("meta").listCollections().toArray()) {
    const documents = await client.db("meta").collection(name).find<Document>({}, { raw: true }).toArray();
    places.set(`collection ${name}`, documents.map((bytes) => Buffer.from(bytes as unknown as Uint8Array).toString("latin1")).join("\n"));
  }
  expect([...places.keys()]).toEqual(expect.arrayContaining(["collection audit_log", "log app.log", "log oplog_collector_shop.log"]));
  for (const [place, text] of places) for (const secret of SECRETS) expect(text.includes(secret), `${place} holds a secret`).toBe(false);
});

test.each<[what: string, args: string[], code: number, says: RegExp]>([
  ["a cluster that there is not", ["show", "nothing"], 1, /no cluster "nothing"/],
  ["a name that can't be", ["add", "a/b", "--source", "env:SOURCE", "--store", "env:STORE"], 2, /name: .*letters, digits/],
  ["a source that is none", ["add", "a", "--source", "http://u:secret@h", "--store", "env:STORE"], 2, /connectionString: .*mongodb:\/\//],
  ["a variable that is not set", ["add", "a", "--source", "env:NOTHING", "--store", "env:STORE"], 2, /"NOTHING" is not set/],
  ["no source", ["add", "a", "--store", "env:STORE"], 2, /--source/],
  ["a number that is none", ["add", "a", "--source", "env:SOURCE", "--store", "env:STORE", "--rpo", "soon"], 2, /rpo/],
  ["a wrong token", ["list", "--token", "wrong-wrong-wrong-wrong"], 1, /token/],
  ["a server that does not answer", ["list", "--server", "http://127.0.0.1:1"], 1, /does not answer/],
  ["a server that is no URL", ["list", "--server", "nonsense"], 2, /--server/],
])("%s is told in words, with its exit code", async (_, args, code, says) => {
  const run = await clusters(...args);
  expect([run.code, run.stdout]).toEqual([code, ""]);
  expect(run.stderr).toMatch(says);
  expect(run.stderr).not.toMatch(/secret|^\s+at /m);
});
