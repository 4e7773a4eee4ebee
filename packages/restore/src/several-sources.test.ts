import type { ClusterTime } from "@oplog-collector/collector-core";
import type { ClientSession, MongoClient } from "mongodb";
import { expect, test } from "vitest";
import { apply } from "./apply.js";
import { seededRandom } from "./chaos/ddl-load.js";
import { RecordedLog } from "./chaos/recorded-log.js";
import { SourceAndTarget } from "./chaos/source-and-target.js";

const two = SourceAndTarget.forTests("several");

const WRITES = 200;
const MOMENTS = 5;

interface Step {
  _id: number;
}

// What the shards of a sharded cluster are to one another: replica sets whose cluster time goes along with those who write to both.
test("logs of replica sets that share their cluster time, restored to one moment, give what held at one moment", async () => {
  const random = seededRandom(4711);
  const sets = [
    { uri: two.sourceSet.uri, client: two.source },
    { uri: two.targetSet.uri, client: two.target },
  ] as const;
  await using one = await RecordedLog.of(sets[0].uri, "one");
  await using other = await RecordedLog.of(sets[1].uri, "other");
  const logs = await Promise.all([one, other].map(async (recorded) => ({ recorded, after: await recorded.caughtUp() })));

  const sessions = sets.map(({ client }) => client.startSession());
  const happened: ClusterTime[] = [];
  for (let _id = 0; _id < WRITES; _id++) {
    const [here, there] = random() < 0.5 ? [0, 1] : [1, 0];
    const { client } = sets[here]!;
    const session = sessions[here]!;
    // One step has seen the other.
    follow(session, sessions[there]!);
    await client.db("seq").collection<Step>("steps").insertOne({ _id }, { session });
    happened.push(session.operationTime!.toBigInt());
  }
  for (const session of sessions) await session.endSession();
  for (const { recorded } of logs) await recorded.caughtUp();
  expect(happened).toEqual(happened.toSorted((a, b) => Number(a - b)));

  const held = (client: MongoClient, db: string) => client.db(db).collection<Step>("steps").find().toArray();
  for (let n = 0; n < MOMENTS; n++) {
    const last = Math.floor(random() * WRITES);
    const to = happened[last]!;
    // Each onto the other, under another name.
    const restored: Step[] = [];
    for (const [index, { recorded, after }] of logs.entries()) {
      const { uri, client } = sets[1 - index]!;
      await apply({
        store: recorded.log,
        log: recorded.name,
        target: uri,
        after,
        to,
        renames: ["seq.steps=restored.steps"],
        ns: ["seq.*"],
      });
      restored.push(...(await held(client, "restored")));
      await client.db("restored").dropDatabase();
    }
    expect(restored.map(({ _id }) => _id).sort((a, b) => a - b)).toEqual(Array.from({ length: last + 1 }, (_, _id) => _id));
  }
});

function follow(session: ClientSession, { clusterTime }: ClientSession): void {
  if (clusterTime) session.advanceClusterTime(clusterTime);
}
