import { randomUUID } from "node:crypto";
import { BSON, type Document, MongoClient, Timestamp } from "mongodb";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { startReplicaSet } from "../../../../scripts/replica-set.mjs";
import { type Batch, positionAfter } from "../batch.js";
import { type ClusterTime, clusterTime } from "../cluster-time.js";
import { type Position, positionOfToken, tokenFromData } from "../position.js";
import { documentsIn } from "../raw-bson.js";
import { OplogSource } from "./oplog-source.js";
import type { StartPoint } from "./source.js";

let set: Awaited<ReturnType<typeof startReplicaSet>>;
let client: MongoClient;
let source: OplogSource;
/** A database of its own for each test: the oplog is everyone's. */
let database: string;

beforeAll(async () => {
  // One of our own: what is written here would fill the oplog of the shared one. Test commands: to prepare transactions.
  set = await startReplicaSet({ testCommands: true, oplogSizeMB: 1024 });
  client = new MongoClient(set.uri, { writeConcern: { w: "majority" } });
});
afterAll(async () => {
  await client?.close();
  await set?.stop();
});
beforeEach(() => {
  source = new OplogSource({ uri: set.uri });
  database = `oplog_${randomUUID().slice(0, 8)}`;
});
afterEach(async () => {
  await source.close();
  await client.db(database).dropDatabase();
});

const collection = (name = "c") => client.db(database).collection<{ _id: number; n?: number; pad?: string }>(name);

/** The oplog itself, as the server has it. */
const oplog = () => client.db("local").collection("oplog.rs", { readConcern: { level: "majority" } });

async function rawOplog(after: ClusterTime): Promise<Buffer[]> {
  const found = await oplog()
    .find({ ts: { $gt: new Timestamp(after) } }, { raw: true })
    .toArray();
  return found.map((bytes) => Buffer.from(bytes as unknown as Uint8Array));
}

interface Read {
  position: Position;
  coveredTo: ClusterTime;
  batches: Batch[];
  entries: Buffer[];
}

/** Reads from `start` what the source has. */
async function read(start: StartPoint): Promise<Read> {
  const newest = await source.newest();
  const stream = await source.open(start, new AbortController().signal);
  const batches: Batch[] = [];
  for await (const batch of stream) {
    batches.push(batch);
    if (batch.position.clusterTime >= newest) break;
  }
  return {
    position: stream.position,
    coveredTo: stream.coveredTo,
    batches,
    entries: batches.flatMap(({ payload }) => [...documentsIn(payload)]),
  };
}

const decode = (entry: Buffer): Document => BSON.deserialize(entry);
const timeOf = (entry: Buffer): ClusterTime => decode(entry).ts.toBigInt();
const hex = (entry: Buffer): string => entry.toString("hex");
/** Those of this test's database: also inside an applyOps. */
const mine = (entries: Buffer[]): Buffer[] => entries.filter((entry) => entry.includes(`${database}.`));

test("what is written after the start comes in order, with the server's own bytes", async () => {
  const after = await source.newest();
  await collection().insertMany([1, 2, 3].map((_id) => ({ _id })));
  await collection().updateOne({ _id: 1 }, { $set: { "2": 1, "1": 2 } });
  await collection().replaceOne({ _id: 2 }, { n: 1 });
  await collection().deleteOne({ _id: 3 });
  const { entries, batches } = await read({ kind: "time", after });
  expect(mine(entries).map(hex)).toEqual(mine(await rawOplog(after)).map(hex));
  const kinds = batches.flatMap((batch) => batch.kinds).filter(({ namespace }) => namespace === `${database}.c`);
  expect(kinds.map(({ operation }) => operation)).toEqual(["create", "insert", "insert", "insert", "update", "replace", "delete"]);
});

describe("a new log begins", () => {
  test("with exactly what follows the time asked for, whether an entry has that time or not", async () => {
    const before = await source.newest();
    await collection().insertMany([1, 2, 3].map((_id) => ({ _id })));
    const [, one, two] = mine(await rawOplog(before)).map(timeOf);
    const ids = async (after: ClusterTime) => mine((await read({ kind: "time", after })).entries).map((entry) => decode(entry).o._id);
    expect(await ids(one!)).toEqual([2, 3]);
    expect(await ids(two!)).toEqual([3]);
    expect(await ids(two! - 1n)).toEqual([2, 3]);
  });

  test("now: with what comes later, and covered from there on", async () => {
    await collection().insertOne({ _id: 1 });
    const newest = await source.newest();
    const stream = await source.open({ kind: "now" }, new AbortController().signal);
    expect(stream.position.clusterTime).toBeGreaterThanOrEqual(newest);
    expect(stream.coveredTo).toBe(stream.position.clusterTime);
    await collection().insertOne({ _id: 2 });
    for await (const { payload } of stream) {
      const found = mine([...documentsIn(payload)]);
      expect(found.map((entry) => decode(entry).o._id)).toEqual(found.length > 0 ? [2] : []);
      if (found.length > 0) break;
    }
  });

  test("at a time that the source has not reached: with what comes now", async () => {
    const { position } = await read({ kind: "time", after: clusterTime(4_000_000_000, 0) });
    expect(position.clusterTime).toBeLessThanOrEqual(await source.newest());
  });

  test("oldest: as far back as the oplog reaches", async () => {
    const [first] = await oplog().find({}).sort({ $natural: 1 }).limit(1).toArray();
    const stream = await source.open({ kind: "oldest" }, new AbortController().signal);
    await stream.close();
    expect(stream.position.clusterTime).toBe(first!.ts.toBigInt());
  });

  test("at a time that the oplog no longer holds: refused as history lost", async () => {
    await expect(read({ kind: "time", after: clusterTime(1_000_000_000, 1) })).rejects.toMatchObject({ code: "HISTORY_LOST" });
  });

  test("at a token: with all that happened at its cluster time", async () => {
    const before = await source.newest();
    await collection().insertMany([1, 2].map((_id) => ({ _id })));
    const [, one] = mine(await rawOplog(before)).map(timeOf);
    const position = positionOfToken(tokenFromData(`82${one!.toString(16).padStart(16, "0")}0000`));
    const { entries } = await read({ kind: "after", position, coveredTo: one! - 1n });
    expect(mine(entries).map((entry) => decode(entry).o._id)).toEqual([1, 2]);
  });
});

/** 8 MiB each: two make a transaction of more than one entry. */
const PAD = "x".repeat(8 << 20);

describe("a transaction of several entries", () => {
  const largeTransaction = async () => {
    await collection().insertOne({ _id: 0 });
    const before = await source.newest();
    await client.withSession((session) =>
      session.withTransaction(async () => {
        for (const _id of [1, 2, 3]) await collection().insertOne({ _id, pad: PAD }, { session });
      }),
    );
    return { before, chain: mine(await rawOplog(before)).map(timeOf) };
  };

  test("is whole in a log that begins in the middle of it, and the log is covered from before it", async () => {
    const { before, chain } = await largeTransaction();
    expect(chain.length).toBeGreaterThan(2);
    for (const after of chain.slice(0, -1)) {
      const { position, coveredTo, entries } = await read({ kind: "time", after });
      expect(mine(entries).map(timeOf)).toEqual(chain);
      expect(position.clusterTime).toBeGreaterThanOrEqual(before);
      expect(coveredTo).toBe(position.clusterTime);
    }
    const { entries } = await read({ kind: "time", after: chain.at(-1)! });
    expect(mine(entries)).toEqual([]);
  });

  test("is never said to be covered in part, also not by a reader that goes on in its middle", async () => {
    const { before, chain } = await largeTransaction();
    const middle = { token: null, clusterTime: chain[1]!, wallTime: null };
    const { entries, batches } = await read({ kind: "after", position: middle, coveredTo: chain[0]! - 1n });
    expect(mine(entries).map(timeOf)).toEqual(chain.slice(2));
    expect(batches.at(-1)!.coveredTo).toBeGreaterThanOrEqual(chain.at(-1)!);
    const all = await read({ kind: "time", after: before });
    for (const { coveredTo } of all.batches) expect(coveredTo < chain[0]! || coveredTo >= chain.at(-1)!).toBe(true);
  });
});

// Prepared transactions belong to sharded clusters; a server with test commands prepares them in a replica set as well.
describe("a prepared transaction", () => {
  /** Prepares one; returns how to end it. */
  async function prepare(): Promise<{ commit(): Promise<unknown>; abort(): Promise<unknown> }> {
    await collection().updateOne({ _id: 0 }, { $set: { a: 1 } }, { upsert: true });
    const session = client.startSession();
    session.startTransaction();
    await collection().insertOne({ _id: Math.random() }, { session });
    const admin = client.db("admin");
    const writeConcern = { w: "majority" };
    const { prepareTimestamp } = await admin.command({ prepareTransaction: 1, writeConcern }, { session });
    return {
      commit: () => admin.command({ commitTransaction: 1, commitTimestamp: prepareTimestamp, writeConcern }, { session }),
      abort: () => session.abortTransaction(),
    };
  }

  const commands = (entries: Buffer[], from: number): string[] =>
    entries
      .slice(from)
      .map(decode)
      .filter(({ op }) => op === "c")
      .flatMap(({ o }) => Object.keys(o)[0] ?? []);

  test("that is open when the log begins is in it whole", async () => {
    const { commit } = await prepare();
    const opened = await source.open({ kind: "now" }, new AbortController().signal);
    await opened.close();
    await commit();
    const { entries } = await read({ kind: "after", position: opened.position, coveredTo: opened.coveredTo });
    const own = entries.findIndex((entry) => mine([entry]).length > 0 && decode(entry).o.prepare);
    expect(commands(entries, own)).toEqual(expect.arrayContaining(["applyOps", "commitTransaction"]));
  });

  test("that was open at the time at which the log begins is in it whole", async () => {
    const { commit } = await prepare();
    const between = await source.newest();
    await collection().insertOne({ _id: -1 });
    await commit();
    const { entries, position } = await read({ kind: "time", after: between });
    expect(position.clusterTime).toBeLessThan(between);
    expect(mine(entries).some((entry) => decode(entry).o.prepare)).toBe(true);
  });

  test("keeps the log from being called complete until it is decided", async () => {
    const start = await source.newest();
    for (const end of ["commit", "abort"] as const) {
      const transaction = await prepare();
      const prepared = await source.newest();
      const open = await read({ kind: "time", after: start });
      expect(open.batches.at(-1)!.coveredTo).toBeLessThan(prepared);
      expect(open.batches.at(-1)!.position.clusterTime).toBeGreaterThanOrEqual(prepared);
      await transaction[end]();
      const { batches } = await read({ kind: "time", after: start });
      expect(batches.at(-1)!.coveredTo).toBe(batches.at(-1)!.position.clusterTime);
    }
  });
});

test("reading on from any position gives the same entries as reading on without a stop", async () => {
  const after = await source.newest();
  for (let round = 0; round < 10; round++) {
    await collection().insertMany(Array.from({ length: 20 }, (_, i) => ({ _id: round * 20 + i })));
    await client.withSession((session) =>
      session.withTransaction(async () => {
        await collection().updateMany({}, { $inc: { n: 1 } }, { session });
        await collection(`c${round}`).insertOne({ _id: round }, { session });
      }),
    );
  }
  await client.withSession((session) =>
    session.withTransaction(async () => {
      for (const _id of [1, 2, 3]) await collection("large").insertOne({ _id, pad: PAD }, { session });
    }),
  );
  await collection().drop();
  const whole = await read({ kind: "time", after });
  const positions = whole.batches.flatMap((batch) => Array.from({ length: batch.events }, (_, event) => positionAfter(batch, event + 1)));
  const all = whole.entries.map(hex);
  for (let round = 0; round < 25; round++) {
    const stored = Math.floor(Math.random() * (positions.length - 1));
    const position = positions[stored]!;
    // What was complete before the transaction that the position may be in.
    const chain = whole.entries.findIndex((entry) => decode(entry).o.partialTxn);
    const inChain = stored >= chain && decode(whole.entries[stored]!).o.partialTxn;
    const coveredTo = inChain ? positions[chain]!.clusterTime - 1n : position.clusterTime;
    const { entries } = await read({ kind: "after", position, coveredTo });
    expect(entries.slice(0, all.length - stored - 1).map(hex), `after entry ${stored}`).toEqual(all.slice(stored + 1));
  }
});

test("what no change stream shows is there: an atomic applyOps and users", async () => {
  const after = await source.newest();
  await client.db("admin").command({ applyOps: [{ op: "c", ns: `${database}.$cmd`, o: { create: "c" } }] });
  await client.db("admin").command({ applyOps: [{ op: "i", ns: `${database}.c`, o: { _id: 1 } }] });
  await client.db(database).command({ createUser: "u", pwd: "p", roles: [] });
  const { entries } = await read({ kind: "time", after });
  const kinds = mine(entries).map(decode);
  expect(kinds.some(({ op, o }) => op === "c" && o.applyOps?.[0].o._id === 1)).toBe(true);
  expect(kinds.some(({ op, ns, o }) => op === "i" && ns === "admin.system.users" && o.user === "u")).toBe(true);
  await client.db(database).command({ dropUser: "u" });
});

describe("what is left out", () => {
  test("no-ops still move the position, so an idle source's position never ages out", async () => {
    const after = await source.newest();
    await client.db("admin").command({ appendOplogNote: 1, data: { of: database } });
    const { batches, entries } = await read({ kind: "time", after });
    expect(entries.filter((entry) => entry.includes(database))).toEqual([]);
    const last = batches.at(-1)!;
    expect(last.position.clusterTime).toBeGreaterThan(after);
    expect(last.coveredTo).toBe(last.position.clusterTime);
    expect(last.position.wallTime).toBeInstanceOf(Date);
  });

  test("sessions and the like of this deployment", async () => {
    const after = await source.newest();
    await collection().insertOne({ _id: 1 });
    await client.db("admin").command({ refreshLogicalSessionCacheNow: 1 });
    const written = (await rawOplog(after)).filter((entry) => decode(entry).ns === "config.system.sessions");
    expect(written.length).toBeGreaterThan(0);
    const { entries } = await read({ kind: "time", after });
    expect(entries.filter((entry) => decode(entry).ns === "config.system.sessions")).toEqual([]);
    expect(mine(entries).length).toBe(2);
  });
});

describe("a position", () => {
  test("that is not in the oplog is history lost, not a later beginning", async () => {
    const before = await source.newest();
    await collection().insertMany([1, 2].map((_id) => ({ _id })));
    const [first] = mine(await rawOplog(before)).map(timeOf);
    const position = { token: null, clusterTime: clusterTime(Number(first! >> 32n) - 100_000, 7), wallTime: null };
    await expect(read({ kind: "after", position, coveredTo: position.clusterTime })).rejects.toMatchObject({ code: "HISTORY_LOST" });
  });

  test("that the source has not reached is waited for", async () => {
    const position = { token: null, clusterTime: (await source.newest()) + (1n << 34n), wallTime: null };
    await expect(read({ kind: "after", position, coveredTo: position.clusterTime })).rejects.toMatchObject({ code: "UNREACHABLE" });
  });
});

test("stopping ends the stream quietly and leaves no cursor on the server", async () => {
  const abort = new AbortController();
  const stream = await source.open({ kind: "now" }, abort.signal);
  const reading = (async () => {
    for await (const { caughtUp } of stream) if (caughtUp) abort.abort();
  })();
  await expect(reading).resolves.toBeUndefined();
  const cursors = () =>
    client
      .db("admin")
      .aggregate([
        { $currentOp: { idleCursors: true, allUsers: true } },
        { $match: { "cursor.originatingCommand.filter.ts.$gte": new Timestamp(stream.position.clusterTime) } },
      ])
      .toArray();
  // A getMore that runs ends a moment after its cursor was killed.
  await vi.waitFor(async () => expect(await cursors()).toEqual([]), { timeout: 5_000 });
});
