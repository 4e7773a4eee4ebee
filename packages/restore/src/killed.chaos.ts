import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { formatClusterTime, snapshotLogName, verifyLog } from "@oplog-collector/collector-core";
import { MongoClient } from "mongodb";
import { expect, test } from "vitest";
import { guardProcess, releaseProcess } from "../../../scripts/orphan-guard.mjs";
import { startReplicaSet } from "../../../scripts/replica-set.mjs";
import { CHAOS_SEED, scaled } from "../../collector-core/src/chaos/scale.js";
import { DdlLoad, seededRandom } from "./chaos/ddl-load.js";
import { differences, dropUserData, readState } from "./chaos/deployment-state.js";
import { RecordedLog } from "./chaos/recorded-log.js";
import { listSnapshots } from "./snapshot/list-snapshots.js";

const OPLOG = fileURLToPath(new URL("../../../apps/cli/bin/oplog.js", import.meta.url));

/** A command that is killed must have had the time to start: node takes some hundred milliseconds. */
const START_MS = 500;

/** What the commands of this test take on a busy machine. */
const LATEST_MS = 3_000;

const SECONDS = 1_000;

interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs the command line as a user does; `killAfter` ends it by SIGKILL. */
async function oplog(args: string[], killAfter?: number): Promise<Ended> {
  const child = spawn(process.execPath, [OPLOG, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  guardProcess(child.pid!);
  const ended: Ended = { code: null, stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text) => (ended.stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text) => (ended.stderr += text));
  const timer = killAfter === undefined ? undefined : setTimeout(() => child.kill("SIGKILL"), killAfter);
  [ended.code] = await once(child, "close");
  clearTimeout(timer);
  releaseProcess(child.pid!);
  return ended;
}

/** Kills the command again and again, at moments spread over the time it takes, until it was killed so often; then lets it end. */
async function killed(kills: number, random: () => number, args: string[]): Promise<{ ended: Ended; kills: number }> {
  for (let done = 0; done < kills; done++) {
    const ended = await oplog(args, START_MS + random() * LATEST_MS);
    if (ended.code !== null) return { ended, kills: done };
  }
  return { ended: await oplog(args), kills };
}

test(
  `snapshots and restores killed again and again come to the same end (seed ${CHAOS_SEED})`,
  async () => {
    const random = seededRandom(CHAOS_SEED);
    await using source = await startReplicaSet({ name: "kill-source" });
    await using target = await startReplicaSet({ name: "kill-target" });
    await using recorded = await RecordedLog.of(source.uri);
    const { store, name, location } = recorded;
    await using client = new MongoClient(source.uri);
    await using targetClient = new MongoClient(target.uri);
    const large = client.db("large");
    for (let n = 0; n < 12; n++)
      await large
        .collection(`c${n}`)
        .insertMany(Array.from({ length: 5_000 }, (_, i) => ({ i, text: "some text ".repeat(40), r: random() })));
    const load = new DdlLoad(source.uri, random);
    load.start(2);
    const snapshot = await killed(scaled(2, 20), random, ["snapshot", "--source", source.uri, "--store", store, "--name", name, "--json"]);
    expect(snapshot.ended, snapshot.ended.stderr).toMatchObject({ code: 0 });
    await new Promise((resolve) => setTimeout(resolve, 2 * SECONDS));
    await load[Symbol.asyncDispose]();
    expect(snapshot.kills, "kills of snapshot").toBeGreaterThan(0);
    const { id } = JSON.parse(snapshot.ended.stdout);
    const log = snapshotLogName(name, id);
    expect(await verifyLog(await location.log(log), log)).toMatchObject({ ok: true });
    expect((await listSnapshots(location, name)).map((one) => one.id)).toEqual([id]);

    const to = formatClusterTime(await recorded.caughtUp());
    const expected = await readState(client);
    for (let round = 0; round < scaled(1, 5); round++) {
      await dropUserData(targetClient);
      const args = ["restore", "--store", store, "--name", name, "--to", to, "--target", target.uri, "--resume", "--json"];
      const restored = await killed(scaled(3, 5), random, args);
      expect(restored.ended, restored.ended.stderr).toMatchObject({ code: 0 });
      expect(restored.kills, "kills of restore").toBeGreaterThan(0);
      expect(differences(expected, await readState(targetClient)), `seed ${CHAOS_SEED}, round ${round}, ${restored.kills} kills`).toEqual(
        [],
      );
      const { ttlMonitorEnabled } = await targetClient.db("admin").command({ getParameter: 1, ttlMonitorEnabled: 1 });
      expect(ttlMonitorEnabled).toBe(true);
    }
  },
  scaled(180, 1_200) * SECONDS,
);
