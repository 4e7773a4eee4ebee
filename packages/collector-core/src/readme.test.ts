import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { MongoClient } from "mongodb";
import { expect, inject, test } from "vitest";
import { waitFor } from "../../../scripts/wait-for.mjs";
import { readEvents } from "./read-events.js";
import { openStore } from "./stores/open-store.js";
import { verifyLog } from "./verify.js";

const packageFolder = dirname(dirname(fileURLToPath(import.meta.url)));

test("the README's library example captures what is written, until Ctrl-C", async () => {
  const readme = await readFile(join(packageFolder, "../../README.md"), "utf8");
  const example = /```ts\n([\s\S]*?)```/.exec(readme)![1]!;
  const folder = await mkdtemp(join(tmpdir(), "oplog-readme-"));
  const log = pathToFileURL(join(folder, "log")).href;
  // Inside the package, so that its name resolves as it does for a user.
  const program = join(packageFolder, `readme-example-${process.pid}.mjs`);
  await writeFile(program, example.replace("mongodb://127.0.0.1:27017", inject("mongodbUri")).replace("file:///var/lib/oplog", log));
  const client = new MongoClient(inject("mongodbUri"));
  const child = spawn(process.execPath, [program], { stdio: ["ignore", "pipe", "inherit"] });
  try {
    let output = "";
    child.stdout.on("data", (data) => {
      output += data;
    });
    const ended = new Promise((resolve) => child.once("exit", resolve));
    await waitFor("the example to run", () => /^running/m.test(output) || child.exitCode !== null);
    await client.db("readme").collection("orders").insertOne({ order: 1 });
    const location = await openStore(log);
    const store = await location.log("shop");
    await waitFor("the insert to be in the log", async () => {
      for await (const event of readEvents(store))
        if (event.kind.namespace === "readme.orders" && event.kind.operation === "insert") return true;
      return false;
    });
    child.kill("SIGINT");
    expect(await ended).toBe(0);
    expect(await verifyLog(store, "shop")).toMatchObject({ ok: true });
    await location.close();
  } finally {
    child.kill("SIGKILL");
    await client.close();
    await rm(program, { force: true });
    await rm(folder, { recursive: true, force: true });
  }
});
