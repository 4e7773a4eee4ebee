import { formatClusterTime, snapshotLogName, verifyLog } from "@oplog-collector/collector-core";
import { MongoClient } from "mongodb";
import { expect, test } from "vitest";
import { startReplicaSet } from "../../../scripts/replica-set.mjs";
import { startProxy } from "../../../scripts/tcp-proxy.mjs";
import type { WireMessage } from "../../../scripts/wire-messages.mjs";
import { record } from "../../collector-core/src/chaos/results.js";
import { CHAOS_SEED, scaled } from "../../collector-core/src/chaos/scale.js";
import { DdlLoad, seededRandom } from "./chaos/ddl-load.js";
import { differences, dropUserData, readState } from "./chaos/deployment-state.js";
import { killedAt, type Moment, nth } from "./chaos/killed-command.js";
import { RecordedLog } from "./chaos/recorded-log.js";
import { PROGRESS_DATABASE } from "./routing.js";
import { listSnapshots } from "./snapshot/list-snapshots.js";
import type { RestoreState } from "./snapshot/restore-mark.js";

const SNAPSHOT_KILLS = scaled(2, 20);
const RESTORE_ROUNDS = scaled(1, 5);

/** Each takes part in every phase: it has documents in the snapshot, an index, and changes after the snapshot. */
const COLLECTIONS = scaled(12, 48);
const DOCUMENTS = 1_500;

/** Steps of the load after the snapshot, for the log to have something of every kind. */
const STEPS = 300;

const SECONDS = 1_000;

test(
  `snapshots and restores killed again and again come to the same end (seed ${CHAOS_SEED})`,
  async () => {
    const random = seededRandom(CHAOS_SEED);
    await using source = await startReplicaSet({ name: "kill-source" });
    await using target = await startReplicaSet({ name: "kill-target" });
    await using sourceProxy = await startProxy({ target: { port: source.members[0]!.port } });
    await using targetProxy = await startProxy({ target: { port: target.members[0]!.port } });
    await using recorded = await RecordedLog.of(source.uri);
    const { store, name, location } = recorded;
    await using client = new MongoClient(source.uri);
    await using targetClient = new MongoClient(target.uri);
    const large = Array.from({ length: COLLECTIONS }, (_, n) => client.db("large").collection(`c${n}`));
    for (const collection of large) {
      await collection.createIndex({ i: 1 });
      await collection.insertMany(Array.from({ length: DOCUMENTS }, (_, i) => ({ i, text: "some text ".repeat(40), r: random() })));
    }
    const load = new DdlLoad(source.uri, random);
    load.start(scaled(1, 2));
    const snapshotMoments = momentsOfSnapshot(random);
    const taken = await killedAt(
      snapshotMoments,
      sourceProxy,
      ["snapshot", "--source", sourceProxy.uri, "--store", store, "--name", name, "--json"],
      random,
    );
    for (const collection of large) await collection.updateMany({ i: { $lt: 100 } }, { $set: { changed: true } });
    for (let step = 0; step < STEPS; step++) await load.step(true);
    await load[Symbol.asyncDispose]();
    expect(taken, taken.stderr).toMatchObject({ code: 0 });
    const { id, resumed } = JSON.parse(taken.stdout);
    expect(resumed).toBe(true);
    const log = snapshotLogName(name, id);
    expect(await verifyLog(await location.log(log), log)).toMatchObject({ ok: true });
    expect((await listSnapshots(location, name)).map((one) => one.id)).toEqual([id]);

    const to = formatClusterTime(await recorded.caughtUp());
    const expected = await readState(client);
    let kills = 0;
    for (let round = 0; round < RESTORE_ROUNDS; round++) {
      await dropUserData(targetClient);
      const args = ["restore", "--store", store, "--name", name, "--to", to, "--target", targetProxy.uri, "--resume", "--json"];
      const moments = momentsOfRestore(random);
      const restored = await killedAt(moments, targetProxy, args, random);
      kills += moments.length;
      const told = `seed ${CHAOS_SEED}, round ${round}, killed at ${moments.map((moment) => moment.name).join(", ")}`;
      expect(restored, `${told}: ${restored.stderr}`).toMatchObject({ code: 0 });
      expect(differences(expected, await readState(targetClient)), told).toEqual([]);
      const { ttlMonitorEnabled } = await targetClient.db("admin").command({ getParameter: 1, ttlMonitorEnabled: 1 });
      expect(ttlMonitorEnabled).toBe(true);
      const { databases } = await targetClient.db("admin").command({ listDatabases: 1, nameOnly: true });
      expect((databases as { name: string }[]).map((one) => one.name)).not.toContain(PROGRESS_DATABASE);
    }
    record("kill -9 of snapshot and restore, resumed", {
      "kills of snapshot": snapshotMoments.length,
      "kills of restore": kills,
      "restores, each equal to the source in the end": RESTORE_ROUNDS,
    });
  },
  scaled(180, 1_200) * SECONDS,
);

/** An answer that brings the documents of one of the large collections. */
const LARGE_BYTES = 100_000;
const bringsDocuments = ({ bytes }: WireMessage) => bytes.length > LARGE_BYTES;

/**
 * Spread over the collections: each kill leaves enough of them for the kills that follow, though what was read before it may be kept. The last one
 * comes when all documents are read.
 */
function momentsOfSnapshot(random: () => number): Moment[] {
  const share = Math.floor(COLLECTIONS / SNAPSHOT_KILLS);
  const reading = Array.from({ length: SNAPSHOT_KILLS - 1 }, () =>
    nth(1 + Math.floor(random() * share), "answer with many documents", "server", bringsDocuments),
  );
  return [...reading, nth(1, "find of the users", "client", ({ command, document }) => command === "find" && document.$db === "admin")];
}

const entering = (phase: RestoreState["phase"]) => (message: WireMessage) => message.command === "update" && message.bytes.includes(phase);

const WRITES = new Set(["insert", "update", "delete", "create", "drop", "renameCollection", "applyOps"]);

/** One in each phase of a restore, in their order, and one at its very end. */
function momentsOfRestore(random: () => number): Moment[] {
  const some = (most: number) => 1 + Math.floor(random() * most);
  const isUserData = ({ document }: WireMessage) => document.$db !== PROGRESS_DATABASE;
  let applying = false;
  return [
    nth(some(COLLECTIONS - 1), "insert of many documents", "client", ({ command }) => command === "insert"),
    nth(1, "mark of index builds", "client", entering("building indexes")),
    nth(some(COLLECTIONS / 2), "index build", "client", ({ command }) => command === "createIndexes"),
    nth(1, "mark of apply", "client", entering("applying")),
    nth(some(5), "write of the log", "client", (message) => {
      // Before it writes anything, apply asks whether the target is there.
      applying ||= message.command === "ping";
      return applying && WRITES.has(message.command) && isUserData(message);
    }),
    nth(1, "drop of the marks", "client", ({ command, document }) => command === "drop" && document.$db === PROGRESS_DATABASE),
  ];
}
