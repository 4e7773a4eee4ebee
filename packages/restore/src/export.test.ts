import { execFile, execFileSync } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { ChangeStreamSource, captureSource } from "@oplog-collector/collector-core";
import { MongoClient } from "mongodb";
import { describe, expect, test } from "vitest";
import { startReplicaSet } from "../../../scripts/replica-set.mjs";
import { differences, readState } from "./chaos/deployment-state.js";
import { RecordedLog } from "./chaos/recorded-log.js";
import { exportLog } from "./export.js";

/** The tool is not ours to install: without it on PATH these tests are left out, and say so. */
const hasMongorestore = ((): boolean => {
  try {
    execFileSync("mongorestore", ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
})();
if (!hasMongorestore) console.warn("mongorestore is not on PATH: what it makes of an export is not tested.");

const run = promisify(execFile);

/** What mongorestore itself can replay: it fails on renames, collMod of indexes and convertToCapped, whoever wrote the entries. */
async function work(client: MongoClient): Promise<void> {
  const db = client.db("shop");
  const orders = db.collection<{ _id: number | string }>("orders");
  await orders.insertMany(Array.from({ length: 60 }, (_, n) => ({ _id: n, n, inner: { b: n }, list: [1, 2, 3] })));
  await orders.createIndex({ n: 1 }, { name: "byN" });
  await orders.updateMany({ n: { $lt: 20 } }, { $inc: { "inner.b": 5 }, $push: { list: 9 } as never });
  await orders.updateMany({ n: { $gt: 50 } }, [{ $set: { z: 1, y: 2 } }, { $unset: "n" }]);
  await orders.replaceOne({ _id: 7 }, { x: 1 } as never);
  await orders.deleteMany({ _id: { $gt: 57 } });
  const newest = await db.createCollection("newest", { capped: true, size: 8192, max: 5 });
  for (let n = 0; n < 9; n++) await newest.insertOne({ n });
  await client.withSession((session) =>
    session.withTransaction(async () => {
      await orders.insertOne({ _id: "a" }, { session });
      await orders.updateOne({ _id: "a" }, { $set: { q: 1 } }, { session });
    }),
  );
  await db.collection("gone").insertOne({ n: 1 });
  await db.collection("gone").drop();
  await db.command({ collMod: "orders", validator: {}, validationLevel: "off" });
}

describe.each(["change stream", "oplog"])("a log captured from the %s", (kind) => {
  test("is exported for mongorestore, and as JSON lines", async () => {
    await using source = await startReplicaSet({ name: "export-source" });
    await using client = new MongoClient(source.uri);
    const capture = kind === "oplog" ? captureSource({ uri: source.uri, mode: "oplog" }) : new ChangeStreamSource({ uri: source.uri });
    await using log = await RecordedLog.of(source.uri, "test", { capture });
    const after = await log.caughtUp();
    await work(client);
    const to = await log.caughtUp();
    const folder = await mkdtemp(join(tmpdir(), "oplog-export-"));
    try {
      const lines = await exportLog({ store: log.log, after, to, format: "jsonl", out: join(folder, "events.jsonl") });
      const text = await readFile(lines.out, "utf8");
      expect(
        text
          .trimEnd()
          .split("\n")
          .map((line) => JSON.parse(line)),
      ).toHaveLength(lines.events);

      const dump = join(folder, "dump");
      const exported = await exportLog({ store: log.log, after, to, format: "oplog-bson", out: join(dump, "oplog.bson") });
      expect(exported.events).toBe(lines.events);
      expect((await readFile(exported.out)).length).toBe(exported.bytes);
      if (!hasMongorestore) return;
      await using target = await startReplicaSet({ name: "export-target" });
      await using targetClient = new MongoClient(target.uri);
      await run("mongorestore", ["--uri", target.uri, "--oplogReplay", dump]);
      expect(differences(await readState(client), await readState(targetClient))).toEqual([]);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
