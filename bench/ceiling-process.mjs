/**
 * The server's own ceiling: the same stream, read by raw commands and thrown away. Nothing is decoded; the end is known by the position that
 * comes with each reply (a change stream) or by the end of the cursor (the oplog).
 */
import { Long, MongoClient, Timestamp } from "mongodb";
import { onTask } from "./child.mjs";
import { peakMemoryMB } from "./machine.mjs";
import { arrayField, countDocuments, longField, tokenTime } from "./raw-reply.mjs";

/** The pipeline that a collector opens on a server that takes the exact flags. */
const EXACT = {
  allChangesForCluster: true,
  showExpandedEvents: true,
  showRawUpdateDescription: true,
  showSystemEvents: true,
  showMigrationEvents: true,
};

onTask(async (/** @type {{ uri: string, capture: 'change-stream' | 'oplog', from: string, to: string, count: boolean }} */ task) => {
  const client = await new MongoClient(task.uri, { maxPoolSize: 2 }).connect();
  try {
    const usedBefore = process.resourceUsage();
    const { openAt, ...read } = task.capture === "oplog" ? await readOplog(client, task) : await readChangeStream(client, task);
    const seconds = (performance.now() - openAt) / 1000;
    const used = process.resourceUsage();
    return {
      ...read,
      seconds,
      cpuSeconds: (used.userCPUTime + used.systemCPUTime - usedBefore.userCPUTime - usedBefore.systemCPUTime) / 1e6,
      peakMB: await peakMemoryMB(),
    };
  } finally {
    await client.close();
  }
});

/** @param {MongoClient} client @param {{ from: string, to: string, count: boolean }} task */
async function readChangeStream(client, { from, to, count }) {
  const session = client.startSession();
  const db = client.db("admin");
  const options = { session, raw: true };
  const pipeline = [{ $changeStream: { ...EXACT, startAtOperationTime: new Timestamp(BigInt(from) + 1n) } }];
  let { cursor } = await db.command({ aggregate: 1, pipeline, cursor: { batchSize: 0 } }, options);
  const id = Long.fromBigInt(longField(cursor, "id"));
  const openAt = performance.now();
  let [events, bytes] = [0, 0];
  for (;;) {
    ({ cursor } = await db.command({ getMore: id, collection: "$cmd.aggregate", maxTimeMS: 1_000 }, options));
    const batch = arrayField(cursor, "nextBatch");
    if (count) {
      const counted = countDocuments(batch);
      events += counted.events;
      bytes += counted.bytes;
    }
    if (tokenTime(cursor) >= BigInt(to)) break;
  }
  await db.command({ killCursors: "$cmd.aggregate", cursors: [id] });
  await session.endSession();
  return { events, bytes, openAt };
}

/** @param {MongoClient} client @param {{ from: string, to: string, count: boolean }} task */
async function readOplog(client, { from, to, count }) {
  const session = client.startSession();
  const db = client.db("local");
  const options = { session, raw: true };
  const ts = { $gt: new Timestamp(BigInt(from)), $lte: new Timestamp(BigInt(to)) };
  // What is counted is what belongs in a log: not the server's notes to itself. What is timed is all of it, as a collector must read it.
  const filter = count ? { ts, op: { $ne: "n" }, ns: { $not: /^(admin|config)\./ } } : { ts };
  let { cursor } = await db.command({ find: "oplog.rs", filter, batchSize: 0, readConcern: { level: "majority" } }, options);
  let id = longField(cursor, "id");
  const openAt = performance.now();
  let [events, bytes] = [0, 0];
  while (id !== 0n) {
    ({ cursor } = await db.command({ getMore: Long.fromBigInt(id), collection: "oplog.rs" }, options));
    const batch = arrayField(cursor, "nextBatch");
    if (count) {
      const counted = countDocuments(batch);
      events += counted.events;
      bytes += counted.bytes;
    }
    id = longField(cursor, "id");
  }
  await session.endSession();
  return { events, bytes, openAt };
}
