import {
  type ClusterTime,
  captureSource,
  clusterTime,
  formatClusterTime,
  ordinalOf,
  parseTime,
  rawValue,
  readEvents,
  type Store,
  secondsOf,
  tokenData,
} from "@oplog-collector/collector-core";
import { MongoClient } from "mongodb";
import { expect, test } from "vitest";
import { startReplicaSet } from "../../../scripts/replica-set.mjs";
import { record } from "../../collector-core/src/chaos/results.js";
import { CHAOS_SEED, scaled } from "../../collector-core/src/chaos/scale.js";
import { DdlLoad, seededRandom } from "./chaos/ddl-load.js";
import { type DeploymentState, differences, dropUserData, readState } from "./chaos/deployment-state.js";
import { RecordedLog } from "./chaos/recorded-log.js";
import { restore } from "./restore.js";
import { takeSnapshot } from "./snapshot/take-snapshot.js";
import { wholeMoment } from "./whole-transactions.js";

/** Each with a log of its own: 1,000 moments in all. */
const ROUNDS = Number(process.env.CHAOS_ROUNDS) || scaled(1, 5);
const POINTS = scaled(5, 200);

/** A new base this often: a restore then applies what happened since, and many snapshots are taken under load. */
const POINTS_PER_SNAPSHOT = scaled(3, 20);

/** The longest the load runs between two points: what a restore has to apply grows with it. */
const BETWEEN_MS = 100;

/** Which of the moments is asked for at which a state holds, in turn. */
const MOMENTS = [
  "at the last event",
  "just before the next event",
  "when it was seen",
  "between two events",
  "at the next transaction: inside it, by a token, or just before it in the raw oplog",
] as const;

const INSIDE = MOMENTS.length - 1;

/** A state of the source that held from the newest event at or before it until the next event. */
interface Point {
  at: ClusterTime;
  state: DeploymentState;
}

/** What transactions write in `admin` is in the oplog alone. */
const DATABASES = { oplog: ["shop", "stock", "admin"], "change-stream": ["shop", "stock"] };

const SECONDS = 1_000;

/** Over all rounds of one way of capture. */
const none = () => ({ seeds: [] as number[], events: 0, snapshots: 0, points: 0 });
const seenBy = { oplog: none(), "change-stream": none() };

test.each(Array.from({ length: ROUNDS }, (_, round) => CHAOS_SEED + round))(
  `${POINTS} moments of a load full of DDL and transactions are restored exactly (seed %i: an even one by the raw oplog)`,
  async (seed) => {
    const random = seededRandom(seed);
    await using source = await startReplicaSet({ name: "pit-source", oplogSizeMB: 512 });
    await using target = await startReplicaSet({ name: "pit-target", oplogSizeMB: 128 });
    const mode = seed % 2 === 0 ? "oplog" : "change-stream";
    await using recorded = await RecordedLog.of(source.uri, "pit", { capture: captureSource({ uri: source.uri, mode }) });
    const { location, log, name } = recorded;
    const points = await recordPoints(new DdlLoad(source.uri, random, DATABASES[mode]), random, () =>
      takeSnapshot({ source: source.uri, location, log: name }),
    );
    await recorded.caughtUp();
    const { times, events } = await boundaries(log, points, random);
    await using client = new MongoClient(target.uri);
    for (const [index, { at, state }] of points.entries()) {
      await dropUserData(client);
      const { to, notes } = await wholeMoment(log, parseTime(times[index]!));
      if (index % MOMENTS.length === INSIDE && mode === "change-stream")
        expect(notes).toEqual([expect.stringContaining("inside the transaction")]);
      await restore({ location, log: name, target: target.uri, to });
      const told = `restored to ${times[index]} (${MOMENTS[index % MOMENTS.length]}), state of ${formatClusterTime(at)}, seed ${seed}`;
      expect(differences(state, await readState(client)), told).toEqual([]);
    }
    const seen = seenBy[mode];
    seen.seeds.push(seed);
    seen.events += events;
    seen.snapshots += Math.ceil(POINTS / POINTS_PER_SNAPSHOT);
    seen.points += POINTS;
    record(`Point in time, captured by ${mode}: snapshot and log restored to any moment`, {
      seeds: seen.seeds.join(", "),
      "events in the logs": seen.events,
      snapshots: seen.snapshots,
      ...Object.fromEntries(MOMENTS.map((moment) => [`moments ${moment}`, seen.points / MOMENTS.length])),
      "restores whose target differed": 0,
    });
  },
  (120 + POINTS * 20) * SECONDS,
);

/** Lets the load run and stops it at random moments, to see what the source holds; snapshots are taken while it runs. */
async function recordPoints(started: DdlLoad, random: () => number, snapshot: () => Promise<unknown>): Promise<Point[]> {
  const points: Point[] = [];
  await using load = started;
  load.start(3);
  while (points.length < POINTS) {
    if (points.length % POINTS_PER_SNAPSHOT === 0) await snapshot();
    await new Promise((resolve) => setTimeout(resolve, random() * BETWEEN_MS));
    points.push(
      await load.paused(async (client) => {
        // A note makes sure that what is covered comes to this moment.
        const { operationTime } = await client.db("admin").command({ appendOplogNote: 1, data: { point: points.length } });
        const state = await readState(client);
        if (points.length % MOMENTS.length === INSIDE) await transfer(client);
        return { at: operationTime.toBigInt() as ClusterTime, state };
      }),
    );
  }
  return points;
}

/** A transaction of some events that is the first thing to happen after a point. */
async function transfer(client: MongoClient): Promise<void> {
  const accounts = client.db("bank").collection<{ _id: string; balance: number }>("accounts");
  await client.withSession((session) =>
    session.withTransaction(async () => {
      await accounts.updateOne({ _id: "a" }, { $inc: { balance: -1 } }, { session, upsert: true });
      await accounts.updateOne({ _id: "b" }, { $inc: { balance: 1 } }, { session, upsert: true });
    }),
  );
}

/** The moments to restore to, as users write them. A state holds from its last event to just before the next one. */
async function boundaries(log: Store, points: Point[], random: () => number): Promise<{ times: string[]; events: number }> {
  const around: { last: ClusterTime; next?: { time: ClusterTime; token: Buffer | undefined } }[] = [];
  let before: ClusterTime = 0n;
  let events = 0;
  for await (const { clusterTime: time, bytes, format } of readEvents(log)) {
    const token = format === "change-event" ? rawValue(bytes, "_id")!.bytes : undefined;
    while (around.length < points.length && time > points[around.length]!.at) around.push({ last: before, next: { time, token } });
    before = time;
    events++;
  }
  while (around.length < points.length) around.push({ last: before });
  const times = points.map(({ at }, index) => {
    const { last, next } = around[index]!;
    const end = next ? next.time - 1n : at;
    // An ordinal of zero belongs to no event: the last of the second before does.
    const justBefore = ordinalOf(end) === 0xffffffff ? clusterTime(secondsOf(end), 0) : end;
    switch (index % MOMENTS.length) {
      case 0:
        return formatClusterTime(last);
      case 1:
        return formatClusterTime(justBefore > at ? justBefore : at);
      case 2:
        return formatClusterTime(at);
      case 3:
        return formatClusterTime(last + BigInt(Math.floor(random() * Number(at - last))));
      default:
        // In the oplog a transaction is one entry, and no moment is inside it.
        return next!.token ? tokenData(next!.token) : formatClusterTime(end);
    }
  });
  return { times, events };
}
