import {
  type ClusterTime,
  clusterTime,
  formatClusterTime,
  ordinalOf,
  readEvents,
  type Store,
  secondsOf,
} from "@oplog-collector/collector-core";
import { MongoClient } from "mongodb";
import { expect, test } from "vitest";
import { startReplicaSet } from "../../../scripts/replica-set.mjs";
import { CHAOS_SEED, scaled } from "../../collector-core/src/chaos/scale.js";
import { DdlLoad, seededRandom } from "./chaos/ddl-load.js";
import { type DeploymentState, differences, dropUserData, readState } from "./chaos/deployment-state.js";
import { RecordedLog } from "./chaos/recorded-log.js";
import { restore } from "./restore.js";
import { takeSnapshot } from "./snapshot/take-snapshot.js";

const POINTS = Number(process.env.CHAOS_POINTS) || scaled(20, 1_000);

/** A new base this often: a restore then applies what happened since, and many snapshots are taken under load. */
const POINTS_PER_SNAPSHOT = scaled(7, 20);

/** A state of the source that held from the newest event at or before it until the next event. */
interface Point {
  at: ClusterTime;
  state: DeploymentState;
}

const SECONDS = 1_000;

test(
  `${POINTS} moments of a load full of DDL and transactions are restored exactly (seed ${CHAOS_SEED})`,
  async () => {
    const random = seededRandom(CHAOS_SEED);
    await using source = await startReplicaSet({ name: "pit-source", oplogSizeMB: 512 });
    await using target = await startReplicaSet({ name: "pit-target", oplogSizeMB: 128 });
    await using recorded = await RecordedLog.of(source.uri);
    const { location, log, name } = recorded;
    const points = await recordPoints(source.uri, random, () => takeSnapshot({ source: source.uri, location, log: name }));
    await recorded.caughtUp();
    const times = await boundaries(log, points, random);
    await using client = new MongoClient(target.uri);
    for (const [index, { at, state }] of points.entries()) {
      await dropUserData(client);
      const to = times[index]!;
      await restore({ location, log: name, target: target.uri, to });
      const told = `restored to ${formatClusterTime(to)}, state of ${formatClusterTime(at)}, seed ${CHAOS_SEED}`;
      expect(differences(state, await readState(client)), told).toEqual([]);
    }
  },
  (120 + POINTS * 20) * SECONDS,
);

/** Lets the load run and stops it at random moments, to see what the source holds; snapshots are taken while it runs. */
async function recordPoints(uri: string, random: () => number, snapshot: () => Promise<unknown>): Promise<Point[]> {
  const points: Point[] = [];
  await using load = new DdlLoad(uri, random);
  load.start(3);
  while (points.length < POINTS) {
    if (points.length % POINTS_PER_SNAPSHOT === 0) await snapshot();
    await new Promise((resolve) => setTimeout(resolve, random() * 250));
    points.push(
      await load.paused(async (client) => {
        // A note makes sure that what is covered comes to this moment.
        const { operationTime } = await client.db("admin").command({ appendOplogNote: 1, data: { point: points.length } });
        return { at: operationTime.toBigInt() as ClusterTime, state: await readState(client) };
      }),
    );
  }
  return points;
}

/**
 * A state holds from its last event to just before the next one. Which of these moments is asked for goes round: the last event itself, just before
 * the next event (often in the same second), the moment at which it was seen, any moment between.
 */
async function boundaries(log: Store, points: Point[], random: () => number): Promise<ClusterTime[]> {
  const last = points.map((): ClusterTime => 0n);
  const next = points.map((): ClusterTime => 0n);
  for await (const { clusterTime: time } of readEvents(log)) {
    for (const [index, { at }] of points.entries()) {
      if (time <= at) last[index] = time;
      else if (next[index] === 0n) next[index] = time;
    }
  }
  return points.map(({ at }, index) => {
    const end = next[index] === 0n ? at : next[index]! - 1n;
    // An ordinal of zero belongs to no event: the last of the second before does.
    const before = ordinalOf(end) === 0xffffffff ? clusterTime(secondsOf(end), 0) : end;
    return [last[index]!, before > at ? before : at, at, last[index]! + BigInt(Math.floor(random() * Number(at - last[index]!)))][
      index % 4
    ]!;
  });
}
