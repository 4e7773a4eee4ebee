import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { formatClusterTime } from "@oplog-collector/collector-core";
import { MongoClient } from "mongodb";
import { expect, test } from "vitest";
import { guardProcess, releaseProcess } from "../../../scripts/orphan-guard.mjs";
import { startReplicaSet } from "../../../scripts/replica-set.mjs";
import { CHAOS_SEED, scaled } from "../../collector-core/src/chaos/scale.js";
import { apply } from "./apply.js";
import { DdlLoad, seededRandom } from "./chaos/ddl-load.js";
import { differences, dropUserData, readState } from "./chaos/deployment-state.js";
import { RecordedLog } from "./chaos/recorded-log.js";

const OPLOG = fileURLToPath(new URL("../../../apps/cli/bin/oplog.js", import.meta.url));
const SECONDS = 1_000;

/** Enough that an apply takes some seconds, so that kills and failovers find it at work. */
async function loadSource(uri: string, random: () => number): Promise<void> {
  await using client = new MongoClient(uri);
  await using load = new DdlLoad(uri, random);
  const orders = client.db("large").collection<{ _id: number }>("orders");
  const seats = client.db("large").collection<{ _id: number }>("seats");
  await client.db("large").createCollection("log", { capped: true, size: 200_000 });
  await seats.createIndex({ seat: 1 }, { unique: true });
  for (let round = 0; round < scaled(4, 40); round++) {
    const at = round * 1_000;
    await orders.insertMany(Array.from({ length: 1_000 }, (_, n) => ({ _id: at + n, text: "some text ".repeat(20) })));
    await orders.updateMany({ _id: { $gte: at, $lt: at + 1_000 } }, { $set: { round }, $inc: { "counts.a": 1 } });
    await seats.insertMany(Array.from({ length: 200 }, (_, n) => ({ _id: at + n, seat: `${round % 2}-${n}` })));
    await client
      .db("large")
      .collection("log")
      .insertMany(Array.from({ length: 300 }, (_, n) => ({ round, n, text: "x".repeat(100) })));
    await seats.deleteMany({ _id: { $gte: at - 1_000, $lt: at } });
    for (let step = 0; step < scaled(15, 40); step++) await load.step(true);
  }
}

test(
  `an apply killed again and again comes to the same end (seed ${CHAOS_SEED})`,
  async () => {
    const random = seededRandom(CHAOS_SEED);
    await using source = await startReplicaSet({ name: "kill-source", oplogSizeMB: 256 });
    await using target = await startReplicaSet({ name: "kill-target", oplogSizeMB: 256 });
    await using log = await RecordedLog.of(source.uri, "test", { segmentEvents: 300 });
    const from = await log.caughtUp();
    await loadSource(source.uri, random);
    const to = await log.caughtUp();
    await using sourceClient = new MongoClient(source.uri);
    await using client = new MongoClient(target.uri);
    const expected = await readState(sourceClient);
    const args = [
      "apply",
      "--store",
      log.store,
      "--name",
      log.name,
      "--from",
      formatClusterTime(from),
      "--to",
      formatClusterTime(to),
      "--target",
      target.uri,
    ];
    let kills = 0;
    for (let code: number | null = null; code !== 0; ) {
      const begun = (await client.db("oplog_collector_restore").listCollections({}, { nameOnly: true }).toArray()).length > 0;
      const child = spawn(process.execPath, [OPLOG, ...args, "--json", ...(begun ? ["--resume"] : [])], {
        stdio: ["ignore", "ignore", "pipe"],
      });
      guardProcess(child.pid!);
      let errors = "";
      child.stderr.setEncoding("utf8").on("data", (text) => (errors += text));
      // Node itself takes some hundred milliseconds to start: only what is killed after that was at work.
      const timer = kills < scaled(2, 20) ? setTimeout(() => child.kill("SIGKILL"), 400 + random() * 900) : undefined;
      [code] = await once(child, "close");
      clearTimeout(timer);
      releaseProcess(child.pid!);
      if (code === null) kills++;
      else expect(code, errors).toBe(0);
    }
    expect(kills).toBeGreaterThan(0);
    expect(differences(expected, await readState(client)), `seed ${CHAOS_SEED}, ${kills} kills`).toEqual([]);
    expect(await client.db("admin").command({ getParameter: 1, ttlMonitorEnabled: 1 })).toMatchObject({ ttlMonitorEnabled: true });
  },
  scaled(180, 900) * SECONDS,
);

test(
  `a target whose primary is killed again and again gets everything (seed ${CHAOS_SEED})`,
  async () => {
    const random = seededRandom(CHAOS_SEED);
    await using source = await startReplicaSet({ name: "fail-source", oplogSizeMB: 256 });
    await using target = await startReplicaSet({ name: "fail-target", members: 3, oplogSizeMB: 256, electionTimeoutMs: 2_000 });
    await using log = await RecordedLog.of(source.uri, "test", { segmentEvents: 300 });
    const after = await log.caughtUp();
    await loadSource(source.uri, random);
    const to = await log.caughtUp();
    await using sourceClient = new MongoClient(source.uri);
    await using client = new MongoClient(target.uri);
    const expected = await readState(sourceClient);
    for (let round = 0; round < scaled(1, 5); round++) {
      await dropUserData(client);
      const applying = apply({ store: log.log, log: log.name, target: target.uri, after, to });
      let ended = false;
      const settled = applying.finally(() => {
        ended = true;
      });
      settled.catch(() => {});
      for (let failover = 0; failover < scaled(1, 3) && !ended; failover++) {
        await new Promise((resolve) => setTimeout(resolve, 500 + random() * 1_500));
        const primary = await target.primary();
        await primary.kill();
        await new Promise((resolve) => setTimeout(resolve, 1_000));
        await primary.start();
      }
      const report = await applying;
      expect(differences(expected, await readState(client)), `seed ${CHAOS_SEED}, round ${round}: ${report.notes}`).toEqual([]);
    }
  },
  scaled(240, 1_200) * SECONDS,
);
