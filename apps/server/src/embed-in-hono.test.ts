import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { MongoClient } from "mongodb";
import { expect, inject, test } from "vitest";
import { waitFor } from "../../../scripts/wait-for.mjs";

const example = fileURLToPath(new URL("../../../examples/embed-in-hono/app.mjs", import.meta.url));

test("the example of a host app serves the API to its own users, and ends in order", async () => {
  const folder = await mkdtemp(join(tmpdir(), "oplog-embed-"));
  const database = `embed_${randomUUID().slice(0, 8)}`;
  const uri = inject("mongodbUri");
  const child = spawn(process.execPath, [example], {
    env: { ...process.env, METADATA_URI: uri.replace(/\/(\?|$)/, `/${database}$1`), KEY_FILE: join(folder, "key"), PORT: "0" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    let output = "";
    child.stdout.on("data", (data) => {
      output += data;
    });
    const url = await waitFor("the portal", () => /http:\S+/.exec(output)?.[0] ?? (child.exitCode !== null && "gone"));
    const ask = (path: string, user?: string, init: RequestInit = {}) =>
      fetch(`${url}${path}`, { ...init, headers: { "content-type": "application/json", ...(user && { cookie: `session=${user}` }) } });
    expect(await (await ask("/")).text()).toBe("The portal");
    expect((await ask("/oplog/api/clusters")).status).toBe(401);
    const body = JSON.stringify({ name: "shop", connectionString: uri, storeUri: pathToFileURL(join(folder, "log")).href, database });
    expect((await ask("/oplog/api/clusters", "vera", { method: "POST", body })).status).toBe(403);
    expect((await ask("/oplog/api/clusters", "anna", { method: "POST", body })).status).toBe(201);
    const shop = async () => (await (await ask("/oplog/api/clusters/shop", "vera")).json()) as { state: string };
    await waitFor("its collector to run", async () => (await shop()).state === "running");
    expect((await ask("/readyz")).status).toBe(200);
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGINT");
    expect(await ended).toBe(0);
  } finally {
    child.kill("SIGKILL");
    const client = new MongoClient(uri);
    await client.db(database).dropDatabase();
    await client.close();
    await rm(folder, { recursive: true, force: true });
  }
});
