import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MongoClient } from "mongodb";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { freePort } from "./free-port.mjs";
import { startReplicaSet } from "./replica-set.mjs";
import { waitFor } from "./wait-for.mjs";

/** Starting a server and electing a primary takes a second or two; this is for a busy machine. */
const SLOW = 120_000;

type ReplicaSet = Awaited<ReturnType<typeof startReplicaSet>>;

async function withItems<T>(uri: string, use: (items: ReturnType<ReturnType<MongoClient["db"]>["collection"]>) => Promise<T>): Promise<T> {
  const client = new MongoClient(uri);
  try {
    return await use(client.db("test").collection("items"));
  } finally {
    await client.close();
  }
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe("a set of one member", () => {
  let set: ReplicaSet;
  beforeAll(async () => {
    set = await startReplicaSet();
  }, SLOW);
  afterAll(() => set.stop());

  it("keeps its data over a crash and a clean restart", { timeout: SLOW }, async () => {
    await withItems(set.uri, (items) => items.insertOne({ step: "before" }, { writeConcern: { w: "majority", journal: true } }));
    const member = set.member(0);
    await member.kill();
    expect(member.running).toBe(false);
    await member.start();
    await set.primary();
    await member.stop();
    await member.start();
    await set.primary();
    expect(await withItems(set.uri, (items) => items.countDocuments({ step: "before" }))).toBe(1);
  });

  it("answers nothing while paused", { timeout: SLOW }, async () => {
    const member = set.member(0);
    await member.pause();
    await expect(member.command({ ping: 1 })).rejects.toThrow();
    member.resume();
    await expect(member.command({ ping: 1 })).resolves.toMatchObject({ ok: 1 });
  });

  it("accepts connections from this machine only, and test commands only if asked", { timeout: SLOW }, async () => {
    const options = await set.member(0).command({ getCmdLineOpts: 1 });
    expect(options.parsed.net.bindIp).toBe("127.0.0.1");
    await expect(set.member(0).command({ configureFailPoint: "failCommand", mode: "off" })).rejects.toThrow();
  });
});

describe("a set of three members", () => {
  it("elects another primary when one crashes, with access control", { timeout: SLOW }, async () => {
    const set = await startReplicaSet({ members: 3, auth: true });
    try {
      const first = await set.primary();
      await withItems(set.uri, (items) => items.insertOne({ n: 1 }));
      await expect(first.command({ listDatabases: 1 }, { anonymous: true })).rejects.toThrow(/auth/i);
      await first.kill();
      const second = await set.primary();
      expect(second.port).not.toBe(first.port);
      await withItems(set.uri, (items) => items.insertOne({ n: 2 }));
      await first.start();
      await set.settled();
      expect(await withItems(`${first.directUri}&readPreference=secondaryPreferred`, (items) => items.countDocuments())).toBeGreaterThan(0);
    } finally {
      await set.stop();
    }
    expect(set.members.some((member) => member.running)).toBe(false);
    expect(existsSync(set.dir)).toBe(false);
  });
});

describe("starting", () => {
  it("goes on in a directory that a set was started in before", { timeout: SLOW }, async () => {
    const dir = mkdtempSync(join(tmpdir(), "oplog-kept-"));
    try {
      const before = await startReplicaSet({ dir, auth: { username: "keeper", password: "secret" } });
      await withItems(before.uri, (items) => items.insertOne({ kept: true }));
      await before.stop();
      const after = await startReplicaSet({ dir, auth: true });
      try {
        expect(after.uri).toBe(before.uri);
        expect(await withItems(after.uri, (items) => items.countDocuments({ kept: true }))).toBe(1);
      } finally {
        await after.stop();
      }
    } finally {
      rmSync(dir, { recursive: true });
    }
  });

  it("says which port is taken", { timeout: SLOW }, async () => {
    const port = await freePort();
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(port, "127.0.0.1", resolve));
    await expect(startReplicaSet({ ports: [port] })).rejects.toThrow(`mongod on port ${port} did not start (code 48): the port is taken`);
    await new Promise((resolve) => other.close(resolve));
  });

  it("shows why mongod refuses an option", { timeout: SLOW }, async () => {
    await expect(startReplicaSet({ args: ["--noSuchOption"] })).rejects.toThrow(/noSuchOption/);
    await expect(startReplicaSet({ setParameter: { noSuchParameter: 1 } })).rejects.toThrow(/noSuchParameter/);
  });
});

it("leaves no process and no directory behind when its parent is killed", { timeout: SLOW }, async () => {
  const script = `
    const { startReplicaSet } = await import(${JSON.stringify(new URL("./replica-set.mjs", import.meta.url).href)});
    const set = await startReplicaSet({ members: 2 });
    await set.member(1).pause();
    console.log(JSON.stringify({ pids: set.members.map(({ pid }) => pid), dir: set.dir }));
    setInterval(() => {}, 1000);
  `;
  const parent = spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: ["ignore", "pipe", "inherit"] });
  const line = await new Promise<string>((resolve) => parent.stdout.once("data", (chunk) => resolve(String(chunk))));
  const { pids, dir } = JSON.parse(line) as { pids: number[]; dir: string };
  expect(pids.map(alive)).toEqual([true, true]);
  parent.kill("SIGKILL");
  // The directory goes last, after the processes; zombies that nobody reaps may remain visible.
  await waitFor("everything to be gone", () => !existsSync(dir));
});
