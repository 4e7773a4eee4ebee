import { MongoClient } from "mongodb";
import type { startReplicaSet } from "../../../../scripts/replica-set.mjs";
import { waitFor } from "../../../../scripts/wait-for.mjs";

type ReplicaSet = Awaited<ReturnType<typeof startReplicaSet>>;

/** Enough that some are read by whoever reads too early. */
const UNDONE = 200;

/**
 * Makes the set undo writes that its primary had acknowledged: the others stop fetching, the primary writes on alone, freezes, another is
 * elected, and the former comes back with a history that is not the set's. Needs a set of three with `testCommands`. Resolves with how many
 * documents were undone, all in `<namespace>`, when the set has settled.
 */
export async function forceRollback(set: ReplicaSet, database: string, collection: string): Promise<number> {
  const primary = await set.primary();
  const others = set.members.filter((member) => member !== primary);
  const stopFetching = (mode: "alwaysOn" | "off") =>
    Promise.all(others.map((member) => member.command({ configureFailPoint: "stopReplProducer", mode })));
  const rollbacks = async () => (await primary.command({ replSetGetRBID: 1 })).rbid as number;
  const before = await rollbacks();

  await stopFetching("alwaysOn");
  for (const member of others) await member.command({ waitForFailPoint: "stopReplProducer", timesEntered: 1, maxTimeMS: 30_000 });
  const alone = new MongoClient(primary.directUri);
  try {
    const documents = Array.from({ length: UNDONE }, (_, n) => ({ n, undone: true }));
    await alone
      .db(database)
      .collection(collection)
      .insertMany(documents, { writeConcern: { w: 1 } });
  } finally {
    await alone.close();
  }
  await primary.pause();
  await stopFetching("off");
  const elected = await set.primary({ except: primary });
  await elected.command({ insert: "elections", documents: [{ at: new Date() }], writeConcern: { w: "majority" } }, { db: database });
  primary.resume();
  await waitFor("the former primary to roll back", async () => (await rollbacks()) > before, { timeoutMs: 90_000 });
  await set.settled();

  await using client = new MongoClient(set.uri);
  const kept = await client.db(database).collection(collection).countDocuments({ undone: true });
  return UNDONE - kept;
}
