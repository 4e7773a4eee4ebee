import { type Collection, type MongoClient, Timestamp } from "mongodb";
import { type ClusterTime, clusterTime, formatClusterTime, secondsOf } from "../cluster-time.js";
import { OplogError } from "../errors.js";
import type { Position } from "../position.js";
import { codeOf } from "./classify-error.js";
import type { StartPoint } from "./source.js";

/** What of an entry is looked at to find a place to begin: its bytes may be many MB. */
interface Entry {
  ts: Timestamp;
  wall?: Date;
  prevOpTime?: { ts: Timestamp };
  o?: { partialTxn?: boolean; prepare?: boolean };
}

const FIELDS = { _id: 0, ts: 1, wall: 1, "prevOpTime.ts": 1, "o.partialTxn": 1, "o.prepare": 1 } as const;

/** A prepared transaction is decided within milliseconds when all is well; one that took longer, and began before the log, is found when its end is read. */
const DECIDED_WITHIN_SECONDS = 60;

/** Rounds of looking for a place where no transaction is open; each one is past (or before) at least one transaction. */
const ROUNDS = 1_000;

/** The oplog as a majority has it: what can still be rolled back is never seen. */
export const oplogOf = (client: MongoClient): Collection<Entry> =>
  client.db("local").collection<Entry>("oplog.rs", { readConcern: { level: "majority" } });

/**
 * Where a new log begins: at an entry (so that it can be proved later that nothing is missing after it) at which no transaction of several
 * entries is open (so that the log needs no entry from before it). That is the newest entry at or before the point asked for; with a
 * transaction open there, the entry before that transaction.
 */
export async function findStart(client: MongoClient, start: Exclude<StartPoint, { kind: "after" }>): Promise<Position> {
  const oplog = oplogOf(client);
  const newest = await entryAt(oplog, -1);
  if (start.kind === "oldest") return positionOf(await beginForwards(oplog, await entryAt(oplog, 1)));
  let wanted = newest;
  if (start.kind === "time" && start.after < timeOf(newest)) {
    const found = await newestAtOrBefore(oplog, start.after);
    if (!found) throw beforeOplog(start.after);
    wanted = found;
  }
  return positionOf(await beginBackwards(oplog, wanted, await prepared(client)));
}

/** Steps back until no transaction is open. */
async function beginBackwards(oplog: Collection<Entry>, wanted: Entry, stillOpen: ClusterTime[]): Promise<Entry> {
  let at = wanted;
  for (let round = 0; round < ROUNDS; round++) {
    const time = timeOf(at);
    const firsts = stillOpen.filter((first) => first <= time);
    if (isOpen(at)) firsts.push(await firstOfChain(oplog, at));
    for (const end of await continuedAfter(oplog, time)) {
      const first = await firstOfChain(oplog, end);
      if (first <= time) firsts.push(first);
    }
    if (firsts.length === 0) return at;
    const first = firsts.reduce((a, b) => (a < b ? a : b));
    const before = await newestAtOrBefore(oplog, first - 1n);
    if (!before) throw beforeOplog(first);
    at = before;
  }
  return at;
}

/** From the oldest entry on until no transaction is open of which the oplog may have lost entries. */
async function beginForwards(oplog: Collection<Entry>, oldest: Entry): Promise<Entry> {
  let at = oldest;
  for (let round = 0; round < ROUNDS; round++) {
    const ends = await continuedAfter(oplog, timeOf(at));
    const next = ends.at(-1) ?? (isOpen(at) ? await firstAfter(oplog, timeOf(at)) : null);
    if (!next) return at;
    at = next;
  }
  return at;
}

/** The entries soon after `time` that continue or end a transaction with entries at or before it. */
const continuedAfter = (oplog: Collection<Entry>, time: ClusterTime): Promise<Entry[]> =>
  oplog
    .find({
      ts: { $gt: new Timestamp(time), $lte: new Timestamp(clusterTime(secondsOf(time) + DECIDED_WITHIN_SECONDS, 0)) },
      op: "c",
      "prevOpTime.ts": { $gt: new Timestamp(0n), $lte: new Timestamp(time) },
    })
    .project<Entry>(FIELDS)
    .toArray();

/** When the first entry of this entry's transaction was written. */
async function firstOfChain(oplog: Collection<Entry>, entry: Entry): Promise<ClusterTime> {
  let at = entry;
  for (;;) {
    const previous = at.prevOpTime?.ts.toBigInt() ?? 0n;
    if (previous === 0n) return timeOf(at);
    const before = await oplog.findOne({ ts: new Timestamp(previous) }, { projection: FIELDS });
    if (!before) throw beforeOplog(previous);
    at = before;
  }
}

/** When transactions that are prepared and not decided now were begun. Empty without the right to look: what it would have found is refused when its end is read. */
async function prepared(client: MongoClient): Promise<ClusterTime[]> {
  try {
    const found = await client
      .db("config")
      .collection<{ startOpTime?: { ts: Timestamp } }>("transactions", { readConcern: { level: "majority" } })
      .find({ state: { $in: ["prepared", "inProgress"] }, startOpTime: { $exists: true } }, { projection: { startOpTime: 1 } })
      .toArray();
    return found.map(({ startOpTime }) => startOpTime!.ts.toBigInt());
  } catch (error) {
    if (codeOf(error) === UNAUTHORIZED) return [];
    throw error;
  }
}

const UNAUTHORIZED = 13;

async function entryAt(oplog: Collection<Entry>, direction: 1 | -1): Promise<Entry> {
  const [entry] = await oplog.find({}).sort({ $natural: direction }).limit(1).project<Entry>(FIELDS).toArray();
  if (!entry) throw new OplogError("SOURCE_UNSUITABLE", "The source's oplog is empty", { hint: "Run rs.initiate() on the source." });
  return entry;
}

const firstAfter = (oplog: Collection<Entry>, time: ClusterTime): Promise<Entry | null> =>
  oplog.findOne({ ts: { $gt: new Timestamp(time) } }, { projection: FIELDS });

/**
 * The server finds an entry by its time only forwards; backwards it would read the oplog from its end. So windows before the time are read, each
 * ten times as wide as the one before.
 */
async function newestAtOrBefore(oplog: Collection<Entry>, time: ClusterTime): Promise<Entry | null> {
  for (let width = 1; ; width *= 10) {
    const from = Math.max(0, secondsOf(time) - width);
    const window = { ts: { $gte: new Timestamp(clusterTime(from, 0)), $lte: new Timestamp(time) } };
    const [last] = await oplog.aggregate<{ ts: Timestamp }>([{ $match: window }, { $group: { _id: null, ts: { $max: "$ts" } } }]).toArray();
    if (last) return oplog.findOne({ ts: last.ts }, { projection: FIELDS });
    if (from === 0) return null;
  }
}

const isOpen = (entry: Entry): boolean => entry.o?.partialTxn === true || entry.o?.prepare === true;

const timeOf = (entry: Entry): ClusterTime => entry.ts.toBigInt();

const positionOf = (entry: Entry): Position => ({ token: null, clusterTime: timeOf(entry), wallTime: entry.wall ?? null });

const beforeOplog = (time: ClusterTime): OplogError =>
  new OplogError("HISTORY_LOST", `The source's oplog no longer reaches back to ${formatClusterTime(time)}`, {
    hint: "Begin at a later time, or with --from oldest.",
  });
