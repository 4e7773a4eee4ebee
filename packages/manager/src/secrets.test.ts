import { randomBytes } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import type { Document } from "mongodb";
import { pino } from "pino";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, test } from "vitest";
import { startReplicaSet } from "../../../scripts/replica-set.mjs";
import { waitFor } from "../../../scripts/wait-for.mjs";
import { createManager } from "./manager.js";
import { Installation, newKeyText, shows } from "./manager-for-test.js";
import { addKeyToFile, SecretBox } from "./secrets.js";

describe("secrets at rest", () => {
  test("come back as they were, under every key form, and differ each time that they are encrypted", () => {
    const bytes = randomBytes(32);
    const [hex, base64] = [SecretBox.fromKeys([bytes.toString("hex")]), SecretBox.fromKeys([bytes.toString("base64")])];
    const uri = "mongodb://user:p%40ss@host/?authSource=admin";
    expect(base64.decrypt(hex.encrypt(uri))).toBe(uri);
    expect(hex.encrypt(uri)).not.toBe(hex.encrypt(uri));
    expect(hex.encrypt(uri)).not.toContain("p%40ss");
  });

  test("a changed byte, another key and a malformed text are told apart, none of them decrypts", () => {
    const box = SecretBox.fromKeys([newKeyText()]);
    const sealed = box.encrypt("mongodb://host");
    const changed = `${sealed.slice(0, -8)}${sealed.at(-8) === "A" ? "B" : "A"}${sealed.slice(-7)}`;
    expect(() => box.decrypt(changed)).toThrow(/was changed/);
    expect(() => SecretBox.fromKeys([newKeyText()]).decrypt(sealed)).toThrow(/encrypted with the key \w{8}, which is not among ours/);
    expect(() => box.decrypt("mongodb://host")).toThrow(/unknown form/);
    expect(() => SecretBox.fromKeys(["short"])).toThrow(/instead of 32/);
    expect(() => SecretBox.fromKeys([])).toThrow(/No encryption key/);
  });

  describe("the key file", () => {
    let directory: string;
    beforeEach(async () => {
      directory = await mkdtemp(join(tmpdir(), "oplog-key-"));
    });
    afterEach(() => rm(directory, { recursive: true }));

    test("is made once, readable by us alone, whoever is first", async () => {
      const path = join(directory, "data", "encryption.key");
      const boxes = await Promise.all(Array.from({ length: 8 }, () => SecretBox.fromKeyFile(path)));
      const sealed = boxes[0]!.encrypt("secret");
      for (const box of boxes) expect(box.decrypt(sealed)).toBe("secret");
      expect((await stat(path)).mode & 0o777).toBe(0o600);
      expect(await readdir(join(directory, "data"))).toEqual(["encryption.key"]);
    });

    test("is closed to others when it was open, and takes a new key in front of the old", async () => {
      const path = join(directory, "key");
      await writeFile(path, newKeyText(), { mode: 0o644 });
      const sealed = (await SecretBox.fromKeyFile(path)).encrypt("secret");
      expect((await stat(path)).mode & 0o777).toBe(0o600);
      await addKeyToFile(path);
      const box = await SecretBox.fromKeyFile(path);
      expect(box.decrypt(sealed)).toBe("secret");
      expect(box.isOld(sealed)).toBe(true);
      expect(box.isOld(box.encrypt("secret"))).toBe(false);
    });
  });
});

describe("keys of a manager", () => {
  let installation: Installation;
  beforeEach(async () => {
    installation = await Installation.open(inject("mongodbUri"));
  });
  afterEach(() => installation[Symbol.asyncDispose]());
  const begin = (...keys: string[]) => installation.manager({ secrets: SecretBox.fromKeys(keys) });
  const add = { connectionString: inject("mongodbUri"), autoStart: false };

  test("are rotated: after it the old one is not needed any more", async () => {
    const [old, fresh] = [installation.key, newKeyText()];
    const first = await begin(old);
    await first.register({ ...add, name: "a", storeUri: installation.storeUri });
    await installation.end(first);
    const second = await begin(fresh, old);
    expect(await second.rotateKey()).toEqual({ rotated: 1, locked: [] });
    expect(await second.rotateKey()).toEqual({ rotated: 0, locked: [] });
    await installation.end(second);
    const third = await begin(fresh);
    expect(await third.verify("a").then(({ state }) => state)).toBe("running");
  });

  test("when none fits, it says so and does not begin; a single cluster that none fits is in error, the others run", async () => {
    const stranger = newKeyText();
    const first = await begin(installation.key);
    await first.register({ ...add, name: "a", storeUri: installation.storeUri });
    await installation.end(first);
    const { metadataUri } = installation;
    await expect(createManager({ metadataUri, secrets: SecretBox.fromKeys([stranger]) })).rejects.toMatchObject({
      code: "BAD_INPUT",
      message: expect.stringMatching(/was encrypted with the key \w{8}, which is not among ours/),
      hint: expect.stringContaining("ENCRYPTION_KEY"),
    });
    const clusters = installation.metadata.collection("source_clusters_info");
    const { _id, ...copy } = (await clusters.findOne({ name: "a" }))!;
    const foreign = SecretBox.fromKeys([stranger]).encrypt(add.connectionString);
    await clusters.insertOne({ ...copy, name: "foreign", desired: "running", connectionString: foreign });
    const manager = await begin(installation.key);
    await manager.start("a");
    await shows(manager, "a", "running", ({ state }) => state === "running");
    expect(await manager.get("foreign")).toMatchObject({ state: "error", error: { message: expect.stringContaining("not among ours") } });
    await manager.change("foreign", { connectionString: add.connectionString, database: "foreign" });
    await shows(manager, "foreign", "running", ({ state }) => state === "running");
  });
});

describe("a password", () => {
  const password = `sentinel${randomBytes(8).toString("hex")}`;
  let set: Awaited<ReturnType<typeof startReplicaSet>>;
  beforeAll(async () => {
    set = await startReplicaSet({ name: "locked", auth: { username: "root", password } });
  }, 120_000);
  afterAll(() => set?.stop());

  test("is nowhere but in the database, encrypted: not in the API, logs, errors, jobs, arguments or environment", async () => {
    await using installation = await Installation.open(set.uri);
    let log = "";
    const write = (chunk: Buffer, _: unknown, done: () => void) => {
      log += chunk;
      done();
    };
    const logger = pino({ level: "trace" }, new Writable({ write }));
    process.env.OPLOG_TEST_SENTINEL = password;
    const manager = await installation.manager({ logger, logLevel: "trace" });
    const seen: unknown[] = [];
    manager.subscribe((event) => seen.push(event));
    const [, , host] = set.uri.split(/\/\/|@/);
    const storeUri = `mongodb://root:${password}@${host!.replace("/?", "/logs?")}`;
    const source = installation.source("shop");
    await manager.register({ name: "good", connectionString: set.uri, storeUri, database: "shop" });
    await manager.register({ name: "bad", connectionString: set.uri.replace(password, `${password}x`), storeUri, database: "shop" });
    await manager.register({
      name: "worse",
      connectionString: `mongodb://root:${password}@127.0.0.1:1/`,
      storeUri,
      database: "shop",
      maxRetries: 0,
    });
    const good = await shows(manager, "good", "running", ({ state }) => state === "running");
    await shows(manager, "bad", "error", ({ state }) => state === "error");
    await shows(manager, "worse", "error_max_retries_reached", ({ state }) => state === "error_max_retries_reached");
    await source.collection("orders").insertOne({ n: 1 });
    const target = `mongodb://root:${password}@127.0.0.1:1/?serverSelectionTimeoutMS=200`;
    const failing = await manager.restore("good", { to: "now", target });
    await waitFor("the restore to fail", async () => (await manager.job(failing.id)).state === "failed");
    for (const wrong of [{ storeUri: `gopher://u:${password}@h` }, { connectionString: `http://u:${password}@h` }, { name: "x y" }])
      seen.push(
        await manager
          .register({ name: "wrong", connectionString: set.uri, storeUri, ...wrong })
          .catch((error) => `${error} ${error.stack} ${error.hint}`),
      );
    seen.push(await manager.list(), await manager.jobs(), await manager.logs("good", 1_000), await manager.logs("bad", 1_000));
    seen.push(await manager.doctor({ connectionString: set.uri.replace(password, `${password}y`), storeUri }));

    const places = new Map<string, string>([
      ["the manager's log", log],
      ["API and events", JSON.stringify(seen, (_, value) => (typeof value === "bigint" ? `${value}` : value))],
      ["the process list", await readFile(`/proc/${good.pid}/cmdline`, "utf8")],
      ["the child's environment", await readFile(`/proc/${good.pid}/environ`, "utf8")],
    ]);
    for (const file of await readdir(installation.logDir))
      places.set(`log file ${file}`, await readFile(join(installation.logDir, file), "utf8"));
    for (const { name } of await installation.metadata.listCollections().toArray()) {
      const documents = await installation.metadata.collection(name).find<Document>({}, { raw: true }).toArray();
      places.set(`collection ${name}`, documents.map((bytes) => Buffer.from(bytes as unknown as Uint8Array).toString("latin1")).join("\n"));
    }
    expect([...places.keys()]).toEqual(
      expect.arrayContaining(["log file oplog_collector_good.log", "collection source_clusters_info", "collection jobs"]),
    );
    const encoded = [password, Buffer.from(password).toString("base64").slice(0, 20), Buffer.from(password).toString("hex")];
    for (const [place, text] of places) {
      expect(text.length, place).toBeGreaterThan(0);
      for (const form of encoded) expect(text.includes(form), `${place} holds the password`).toBe(false);
    }
    delete process.env.OPLOG_TEST_SENTINEL;
  });
});
