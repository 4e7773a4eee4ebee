/// <reference path="../../../scripts/vitest-context.d.ts" />
import { afterEach, beforeEach, expect, inject, test } from "vitest";
import { startProxy } from "../../../scripts/tcp-proxy.mjs";
import { waitFor } from "../../../scripts/wait-for.mjs";
import { ManagerProcess } from "./chaos/manager-process.js";
import { Installation, newKeyText, shows } from "./manager-for-test.js";
import { SecretBox } from "./secrets.js";

const CLUSTERS = 12;

let installation: Installation;
beforeEach(async () => {
  installation = await Installation.open(inject("mongodbUri"));
});
afterEach(() => installation[Symbol.asyncDispose]());

const begin = (...keys: string[]) => installation.manager({ secrets: SecretBox.fromKeys(keys) });
const registration = (name: string) => ({
  ...{ name, connectionString: installation.uri, storeUri: installation.storeUri, autoStart: false },
});
interface Sealed {
  name: string;
  connectionString: string;
  storeUri: string;
}
const sealed = () => installation.metadata.collection<Sealed>("source_clusters_info").find().toArray();

test("a server that is killed in the middle of it leaves nothing unreadable; done again, the old key is not needed any more", async () => {
  const [old, fresh] = [installation.key, newKeyText()];
  const first = await begin(old);
  for (let n = 0; n < CLUSTERS; n++) await first.register(registration(`c${n}`));
  await installation.end(first);
  const isFresh = ({ connectionString, storeUri }: Sealed) =>
    [connectionString, storeUri].every((text) => !SecretBox.fromKeys([fresh]).isOld(text));

  await using proxy = await startProxy({ target: { port: Number(new URL(installation.uri.replace("mongodb:", "http:")).port) } });
  const metadataUri = proxy.uri.replace("/?", `/${installation.database}?`);
  await using doomed = await ManagerProcess.begin({ metadataUri, key: `${fresh},${old}`, logDir: installation.logDir });
  let changed = 0;
  proxy.onClientMessage(({ command, document }) => {
    if (command === "update" && document.update === "source_clusters_info" && ++changed === CLUSTERS / 2) doomed.child.kill("SIGKILL");
    return "forward";
  });
  await expect(doomed.call("rotateKey")).rejects.toMatchObject({ code: "GONE" });
  const done = (await sealed()).filter(isFresh).length;
  expect(done).toBeGreaterThan(0);
  expect(done).toBeLessThan(CLUSTERS);

  const second = await begin(fresh, old);
  const readable = () => waitFor("all to be read", async () => (await second.list()).length === CLUSTERS);
  await readable();
  for (const { connectionString, error } of await second.list())
    expect([connectionString, error]).toEqual([expect.stringContaining("127.0.0.1"), null]);
  expect(await second.rotateKey()).toEqual({ rotated: CLUSTERS - done, locked: [] });
  expect((await sealed()).every(isFresh)).toBe(true);
  await installation.end(second);

  const third = await begin(fresh);
  await third.start("c0");
  await shows(third, "c0", "running", ({ state }) => state === "running");
});

test("is refused while a server runs that does not have the new key", async () => {
  const [old, fresh] = [installation.key, newKeyText()];
  const behind = await begin(old);
  await behind.register(registration("a"));
  const ahead = await begin(fresh, old);
  await expect(ahead.rotateKey()).rejects.toMatchObject({ code: "CONFLICT", message: expect.stringContaining(behind.node) });
  await installation.end(behind);
  expect(await ahead.rotateKey()).toEqual({ rotated: 1, locked: [] });
});

test("leaves what no key opens as it is, and says so", async () => {
  const [stranger, old, fresh] = [newKeyText(), installation.key, newKeyText()];
  const manager = await begin(fresh, old);
  await manager.register(registration("ours"));
  const { _id, ...copy } = (await sealed())[0]!;
  const connectionString = SecretBox.fromKeys([stranger]).encrypt("mongodb://h");
  await installation.metadata.collection("source_clusters_info").insertOne({ ...copy, name: "foreign", connectionString });
  expect(await manager.rotateKey()).toEqual({ rotated: 0, locked: ["foreign"] });
  expect((await sealed()).find(({ name }) => name === "foreign")).toMatchObject({ connectionString });
});
