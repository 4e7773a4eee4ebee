import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { printableConfig, readConfig } from "./config.js";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "oplog-config-"));
});
afterAll(() => rm(folder, { recursive: true }));

const file = async (text: string): Promise<string> => {
  const path = join(folder, "config.yaml");
  await writeFile(path, text);
  return path;
};

test("flags win over the environment, the environment over the file, the file over the defaults", async () => {
  const path = await file("port: 1\nlogDir: from-file\nappLogLevel: debug\n");
  const { config } = await readConfig(["--port", "3", "--config", path], { PORT: "2", LOG_DIR: "/from/environment" });
  expect(config).toMatchObject({ port: 3, logDir: "/from/environment", appLogLevel: "debug", oplogLogLevel: "debug", host: "127.0.0.1" });
});

test("refuses to listen beyond loopback without a token, and not with one", async () => {
  await expect(readConfig(["--host", "0.0.0.0"], {})).rejects.toMatchObject({
    code: "BAD_INPUT",
    hint: expect.stringContaining("AUTH_TOKENS"),
  });
  const { config } = await readConfig(["--host", "0.0.0.0"], { AUTH_TOKENS: "anna:admin:0123456789abcdef" });
  expect(config.allowedHosts).toBeUndefined();
});

test("prints no secret", async () => {
  const { config, printConfig } = await readConfig(["--print-config"], {
    CENTRAL_METADATA_DB_URI: "mongodb://app:S3ntinel@db.example.com/meta",
    AUTH_TOKENS: "anna:admin:S3ntinel-0123456789",
    ENCRYPTION_KEY: "S3ntinel".padEnd(64, "0"),
  });
  expect(printConfig).toBe(true);
  expect(JSON.stringify(printableConfig(config))).not.toContain("S3ntinel");
});

test.each<[string, string[], Record<string, string>]>([
  ["an unknown flag", ["--nonsense"], {}],
  ["a port that is none", [], { PORT: "many" }],
  ["a token without a role", [], { AUTH_TOKENS: "0123456789abcdef0123" }],
  ["a token on the command line", ["--auth-tokens", "a:admin:0123456789abcdef"], {}],
  ["a file that is not there", ["--config", "/nowhere.yaml"], {}],
])("refuses %s in a sentence", async (_, args, env) => {
  await expect(readConfig(args, env)).rejects.toMatchObject({ code: "BAD_INPUT", hint: expect.any(String) });
});
