/// <reference path="../../../scripts/vitest-context.d.ts" />
import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openStore, verifyLog } from "@oplog-collector/collector-core";
import { afterEach, beforeEach, describe, expect, inject, test, vi } from "vitest";
import { childEnvironment } from "./child-environment.js";
import { Installation, shows } from "./manager-for-test.js";

const OURS = {
  PATH: "/bin",
  ENCRYPTION_KEY: "secret",
  AUTH_TOKENS: "secret",
  CENTRAL_METADATA_DB_URI: "secret",
  NODE_OPTIONS: "--require evil",
  OTHER_SOURCE: "mongodb://u:secret@h",
  SOURCE: "mongodb://h",
  AWS_MONGO: "mongodb://h/?authSource=$external&authMechanism=MONGODB-AWS",
  BUCKET: "s3://bucket",
  AWS_ACCESS_KEY_ID: "id",
  AWS_PROFILE: "profile",
  OPLOG_STORE_KEY: "key",
};
const AWS = ["AWS_ACCESS_KEY_ID", "AWS_MONGO", "AWS_PROFILE"];

afterEach(() => {
  vi.unstubAllEnvs();
});

test.each<[what: string, connectionString: string, storeUri: string, names: string[]]>([
  ["plain URIs", "mongodb://h", "file:///s", []],
  ["a source by reference", "env:SOURCE", "file:///s", ["SOURCE"]],
  ["a reference to nothing", "env:NOTHING", "env:NOTHING", []],
  ["a bucket", "mongodb://h", "s3://bucket/prefix", AWS],
  ["a bucket by reference", "mongodb://h", " env:BUCKET ", ["BUCKET", ...AWS]],
  ["a store by reference that is no bucket", "mongodb://h", "env:SOURCE", ["SOURCE"]],
  ["a source with AWS's identities", "env:AWS_MONGO", "file:///s", AWS],
])("a collector's process gets what it needs and nothing else: %s", (_, connectionString, storeUri, names) => {
  for (const [name, value] of Object.entries(OURS)) vi.stubEnv(name, value);
  const given = childEnvironment({ connectionString, storeUri }, OURS);
  expect(Object.keys(given).sort()).toEqual(["OPLOG_STORE_KEY", "PATH", ...names].sort());
  for (const [name, value] of Object.entries(given)) expect(value).toBe(OURS[name as keyof typeof OURS]);
});

describe("a collector in a process of its own", () => {
  let installation: Installation;
  let folder: string;
  beforeEach(async () => {
    installation = await Installation.open(inject("mongodbUri"));
    folder = await mkdtemp(join(tmpdir(), "oplog-keys-"));
  });
  afterEach(async () => {
    await installation[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });

  test("encrypts what it stores with the key that the server was given, and has none of the server's own secrets", async () => {
    const key = randomBytes(32).toString("base64");
    const file = join(folder, "keys");
    await writeFile(file, key);
    vi.stubEnv("OPLOG_STORE_KEY_FILE", file);
    vi.stubEnv("ENCRYPTION_KEY", "a-secret-of-the-server");
    vi.stubEnv("AWS_SECRET_ACCESS_KEY", "a-secret-of-the-server");
    const manager = await installation.manager();
    const source = installation.source();
    const { databaseName: database } = source;
    await manager.register({ name: "shop", connectionString: installation.uri, storeUri: installation.storeUri, database, rpoMs: 50 });
    const { pid } = await shows(manager, "shop", "running", ({ state }) => state === "running");
    expect(await readFile(`/proc/${pid}/environ`, "utf8")).not.toContain("a-secret-of-the-server");
    await source.collection<{ _id: number }>("orders").insertOne({ _id: 1 });
    await shows(manager, "shop", "the event", ({ events }) => events > 0);
    expect((await manager.events("shop", { op: "insert" })).rows).toHaveLength(1);

    // Without the key nobody can look into it.
    vi.stubEnv("OPLOG_STORE_KEY_FILE", "");
    const location = await openStore(installation.storeUri);
    const { ok, segments, unread } = await verifyLog(await location.log("shop"), "shop");
    await location.close();
    expect({ ok, unread }).toEqual({ ok: true, unread: segments });
  });
});
