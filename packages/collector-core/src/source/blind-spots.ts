import { type Document, type MongoClient, Timestamp } from "mongodb";
import { type ClusterTime, formatClusterTime } from "../cluster-time.js";
import { OplogError } from "../errors.js";
import { OplogEntryScan } from "../oplog-entry.js";
import { codeOf } from "./classify-error.js";

/** Unauthorized, and what hosted deployments answer that do not show `local`. */
const REFUSED = new Set([13, 8000]);

/** Whether our user may read the oplog. */
export async function mayReadOplog(client: MongoClient): Promise<boolean> {
  try {
    await oplogOf(client).findOne({}, { projection: { ts: 1 } });
    return true;
  } catch (error) {
    if (REFUSED.has(codeOf(error) ?? 0)) return false;
    throw error;
  }
}

/**
 * The oplog entries of `(after, to]` that no change stream shows: an `applyOps` that a client ran in one atomic batch (as tools that restore do),
 * and what is written in `admin` (users and roles are) and `config`. Oldest first, as the server keeps them. Throws `UNREACHABLE` when the
 * majority has not reached `to`, and `HISTORY_LOST` when the oplog no longer holds what came after `after`: an empty answer is a proof.
 *
 * @param database only what concerns this one; null: the whole deployment
 */
export async function findBlindSpots(
  client: MongoClient,
  after: ClusterTime,
  to: ClusterTime,
  database: string | null = null,
): Promise<Buffer[]> {
  if (to <= after) return [];
  const oplog = oplogOf(client);
  const [found, reached] = await Promise.all([
    oplog.find(blindSpots(after, to, database), { raw: true }).toArray(),
    oplog.findOne({ ts: { $gte: new Timestamp(to) } }, { projection: { ts: 1 } }),
  ]);
  if (!reached) throw new OplogError("UNREACHABLE", `The majority of the source has not yet reached ${formatClusterTime(to)}`);
  // Asked last: what was cut from the oplog while we looked is seen.
  const [oldest] = await oplog.find({}).sort({ $natural: 1 }).limit(1).project<{ ts: Timestamp }>({ ts: 1 }).toArray();
  if (!oldest || oldest.ts.toBigInt() > after)
    throw new OplogError(
      "HISTORY_LOST",
      `The source's oplog no longer holds what a change stream does not show after ${formatClusterTime(after)}`,
    );
  const scan = new OplogEntryScan();
  return found
    .map((bytes) => Buffer.from(bytes as unknown as Uint8Array))
    .filter((entry) => {
      scan.read(entry, 0);
      return scan.skipped === null;
    });
}

/** The entry of that cluster time, with the server's own bytes; null when there is none. */
export async function entryAt(client: MongoClient, time: ClusterTime): Promise<Buffer | null> {
  const entry = await oplogOf(client).findOne({ ts: new Timestamp(time) }, { raw: true });
  return entry && Buffer.from(entry as unknown as Uint8Array);
}

/** The first entry after that cluster time that a change stream shows and that is larger. */
export async function firstShownBeyond(
  client: MongoClient,
  after: ClusterTime,
  bytes: number,
  database: string | null,
): Promise<Buffer | null> {
  const transaction = { op: "c", "o.applyOps": { $exists: true }, txnNumber: { $exists: true } };
  const shown =
    database === null
      ? [{ op: { $in: ["i", "u", "d"] }, $nor: [{ ns: inDatabase("admin") }, { ns: inDatabase("config") }] }, transaction]
      : [{ ns: inDatabase(database) }, { ...transaction, "o.applyOps.ns": inDatabase(database) }];
  const larger = { ts: { $gt: new Timestamp(after) }, $expr: { $gt: [{ $bsonSize: "$$ROOT" }, bytes] }, $or: shown };
  const [entry] = await oplogOf(client).find(larger, { raw: true }).sort({ $natural: 1 }).limit(1).toArray();
  return entry ? Buffer.from(entry as unknown as Uint8Array) : null;
}

/** The entries after that cluster time that a change stream shows, commands too, and what the log leaves out. */
export async function* shownEntriesAfter(client: MongoClient, after: ClusterTime, database: string | null): AsyncGenerator<Buffer> {
  const inScope = database === null ? {} : { $or: [{ ns: inDatabase(database) }, { op: "c", "o.applyOps.ns": inDatabase(database) }] };
  const entries = oplogOf(client).find({ ts: { $gt: new Timestamp(after) }, ...inScope, $nor: [hidden(database)] }, { raw: true });
  for await (const entry of entries) yield Buffer.from(entry as unknown as Uint8Array);
}

/** What of the oplog a majority has. */
const oplogOf = (client: MongoClient) => client.db("local").collection("oplog.rs", { readConcern: { level: "majority" } });

const inDatabase = (name: string): Document => ({ $gte: `${name}.`, $lt: `${name}/` }); // the character after the dot

const blindSpots = (after: ClusterTime, to: ClusterTime, database: string | null): Document => ({
  ts: { $gt: new Timestamp(after), $lte: new Timestamp(to) },
  ...hidden(database),
});

/** What no change stream shows. */
function hidden(database: string | null): Document {
  const atomic = { op: "c", "o.applyOps": { $exists: true }, txnNumber: { $exists: false } };
  return database === null
    ? // A transaction is a command on `admin` too, and is shown.
      { $or: [{ ns: inDatabase("admin") }, { ns: inDatabase("config") }, atomic], $nor: [{ op: "c", txnNumber: { $exists: true } }] }
    : { ...atomic, "o.applyOps.ns": inDatabase(database) };
}
