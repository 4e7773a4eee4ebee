import { setTimeout as sleep } from "node:timers/promises";
import { formatClusterTime } from "@oplog-collector/collector-core";
import { MongoClient } from "mongodb";
import { expect, test } from "vitest";
import { startReplicaSet } from "../../../scripts/replica-set.mjs";
import { startProxy } from "../../../scripts/tcp-proxy.mjs";
import type { WireMessage } from "../../../scripts/wire-messages.mjs";
import { record } from "../../collector-core/src/chaos/results.js";
import { CHAOS_SEED, scaled } from "../../collector-core/src/chaos/scale.js";
import { apply } from "./apply.js";
import { DdlLoad, seededRandom } from "./chaos/ddl-load.js";
import { differences, dropUserData, readState } from "./chaos/deployment-state.js";
import { killedAt, nth } from "./chaos/killed-command.js";
import { RecordedLog } from "./chaos/recorded-log.js";
import { PROGRESS_DATABASE } from "./routing.js";

const SECONDS = 1_000;

/** Writes that a run may do before it is killed: the DDL of the load makes many more of them than all runs together may do. */
const MOST_WRITES = 8;

const WRITES = new Set(["insert", "update", "delete", "create", "createIndexes", "drop", "renameCollection", "applyOps"]);

const isWriteOfUserData = ({ command, document }: WireMessage): boolean => WRITES.has(command) && document.$db !== PROGRESS_DATABASE;

type Member = Awaited<ReturnType<Awaited<ReturnType<typeof startReplicaSet>>["primary"]>>;

async function killPrimary(primary: Member): Promise<void> {
  await primary.kill();
  await sleep(SECONDS);
  await primary.start();
}

/** Longer than an election takes, so that another member takes over. */
async function freezePrimary(primary: Member): Promise<void> {
  await primary.pause();
  await sleep(30 * SECONDS);
  primary.resume();
}

const OUTAGES = scaled([killPrimary], [killPrimary, freezePrimary, killPrimary]);

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
    await using proxy = await startProxy({ target: { port: target.member(0).port } });
    const args = ["apply", "--store", log.store, "--name", log.name, "--from", formatClusterTime(from), "--to", formatClusterTime(to)];
    const moments = Array.from({ length: scaled(2, 20) }, () =>
      nth(1 + Math.floor(random() * MOST_WRITES), "write", "client", isWriteOfUserData),
    );
    const ended = await killedAt(moments, proxy, [...args, "--target", proxy.uri, "--json"], random, ["--resume"]);
    expect(ended, ended.stderr).toMatchObject({ code: 0 });
    const told = `seed ${CHAOS_SEED}, killed at ${moments.map(({ name }) => name).join(", ")}`;
    expect(differences(expected, await readState(client)), told).toEqual([]);
    record("kill -9 of apply, resumed", { kills: moments.length, "targets that differed": 0 });
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
    let outages = 0;
    for (let round = 0; round < scaled(1, 5); round++) {
      await dropUserData(client);
      // Each at a share of the work, whatever the time it takes; what is under way goes on meanwhile.
      const due = OUTAGES.map((strike, index) => ({ strike, share: (index + random()) / OUTAGES.length }));
      let striking: Promise<void> = Promise.resolve();
      const report = await apply({
        ...{ store: log.log, log: log.name, target: target.uri, after, to },
        onProgress: (progress) => {
          if (progress.phase !== "applying" || !due[0] || progress.events < due[0].share * progress.eventsInAll) return;
          const { strike } = due.shift()!;
          outages++;
          striking = striking.then(async () => strike(await target.primary()));
        },
      });
      await striking;
      expect(differences(expected, await readState(client)), `seed ${CHAOS_SEED}, round ${round}: ${report.notes}`).toEqual([]);
    }
    expect(outages).toBeGreaterThan(0);
    record("The target's primary is killed, or stands still for 30 s, while a log is applied", { outages, "targets that differed": 0 });
  },
  scaled(240, 1_200) * SECONDS,
);
