import { type ClusterTime, documentsIn, newestClusterTime, OplogError, rawElement, rawField } from "@oplog-collector/collector-core";
import { type ClientSession, type Db, type Document, type MongoClient, Timestamp } from "mongodb";
import { compareIds, idsAreComparable } from "./compare-ids.js";
import { type RawBatch, readRawCursor } from "./raw-cursor.js";
import { isSnapshotTooOld, isTransient } from "./read-errors.js";
import { type SnapshotCollection, type SnapshotPart, textId } from "./snapshot-collection.js";
import { type ListedCollection, listCollections, listIndexes } from "./source-catalogue.js";

/** Where what is read goes, and what is asked before. */
export interface CollectionSink {
  /** A number for a new part. */
  nextPart(): number;
  documents(collection: { namespace: string }, part: SnapshotPart, batch: RawBatch): Promise<void>;
  /** A part is stored: from here a resumed snapshot goes on. */
  finished(collection: SnapshotCollection): Promise<void>;
}

export interface ReadLimits {
  /** Larger collections are read in `_id` ranges from the start. */
  largeBytes: number;
  /** How long one range is read at one cluster time. */
  rangeMs: number;
}

/**
 * Servers keep the past readable for 300 s (`minSnapshotHistoryWindowInSeconds`), and shorter when it presses on their cache: a range ends after a
 * third of it. A gigabyte is read in that time also at 10 MB/s.
 */
export const DEFAULT_READ_LIMITS: ReadLimits = { largeBytes: 1024 ** 3, rangeMs: 100_000 };

/** Tries in a row without any progress: DDL under the reader, a failover, history that is gone. */
const ATTEMPTS = 12;
const PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5_000;

export interface SourceReader {
  client: MongoClient;
  sharded: boolean;
  limits: ReadLimits;
  signal: AbortSignal;
}

/** What reading found, or that the collection was not there any more at that time. */
export type ReadResult = { collection: SnapshotCollection } | { goneAt: ClusterTime };

/**
 * Reads a collection, found by its UUID whatever it is called by then. `unfinished` is one of which some ranges are stored already.
 */
export async function readCollection(
  reader: SourceReader,
  wanted: { namespace: string; uuid: string },
  sink: CollectionSink,
  unfinished?: SnapshotCollection,
): Promise<ReadResult> {
  const db = reader.client.db(wanted.namespace.slice(0, wanted.namespace.indexOf(".")));
  let known = unfinished;
  let inRanges = known !== undefined;
  for (let attempt = 1; ; attempt++) {
    reader.signal.throwIfAborted();
    const session = reader.client.startSession({ causalConsistency: false });
    const before = known?.parts.length ?? 0;
    try {
      const described = await describe(reader, db, wanted, session);
      if ("goneAt" in described) return described;
      // What was read in ranges before stays with the description of then; the log shows whether that still holds.
      if (known && known.namespace !== described.collection.namespace) known = undefined;
      const collection: SnapshotCollection = known ?? described.collection;
      if (collection.capped) await readCapped(reader, db, collection, sink, session);
      else {
        const { size, idsComparable } = described;
        inRanges ||= size > reader.limits.largeBytes && idsComparable;
        known = inRanges ? collection : undefined;
        if (inRanges) await readRanges(reader, db, collection, described.readableAt, sink, session);
        else await readAtOnce(db, collection, described.readableAt, sink, session);
      }
      return { collection };
    } catch (error) {
      if (!isTransient(error)) throw error;
      if (isSnapshotTooOld(error) && !inRanges) inRanges = true;
      if ((known?.parts.length ?? 0) > before) attempt = 0;
      if (attempt >= ATTEMPTS)
        throw new OplogError("SOURCE_UNSUITABLE", `The collection ${wanted.namespace} could not be read in ${ATTEMPTS} tries`, {
          cause: error,
          hint: "Run snapshot again; it goes on with what is finished. A longer minSnapshotHistoryWindowInSeconds on the source helps large collections.",
        });
      await new Promise((resolve) => setTimeout(resolve, Math.min(LONGEST_PAUSE_MS, PAUSE_MS * 2 ** (attempt - 1))));
    } finally {
      await session.endSession();
    }
  }
}

interface Described {
  collection: SnapshotCollection;
  /** Whatever the description shows had happened by then. */
  readableAt: ClusterTime;
  size: number;
  idsComparable: boolean;
}

async function describe(
  { client, sharded }: SourceReader,
  db: Db,
  { namespace, uuid }: { namespace: string; uuid: string },
  session: ClientSession,
): Promise<Described | { goneAt: ClusterTime }> {
  const catalogueAfter = await settledTime(client, sharded);
  const listed = await findCollection(db, namespace.slice(db.databaseName.length + 1), uuid, session);
  if ("goneAt" in listed) return listed;
  const { name, options, idIndex } = listed.found;
  const { indexes, operationTime } = await listIndexes(db, name, session);
  const capped = rawElement(options, "capped") !== undefined;
  const readableAt = operationTime > listed.operationTime ? operationTime : listed.operationTime;
  const collection: SnapshotCollection = {
    namespace: `${db.databaseName}.${name}`,
    uuid,
    options,
    idIndex,
    indexes,
    catalogueAfter,
    readTo: readableAt,
    capped,
    views: [],
    parts: [],
    complete: false,
  };
  return { collection, readableAt, size: capped ? 0 : await sizeOf(db, name), idsComparable: idsAreComparable(options) };
}

/** A time up to which everything that happened is visible to whoever looks now. */
export async function settledTime(client: MongoClient, sharded: boolean): Promise<ClusterTime> {
  // A replica set tells what a majority has, without holes. A router only tells the newest time it heard of: some seconds earlier there are no holes either.
  const newest = await newestClusterTime(client);
  return sharded ? newest - (5n << 32n) : newest;
}

async function findCollection(
  db: Db,
  name: string,
  uuid: string,
  session: ClientSession,
): Promise<{ found: ListedCollection; operationTime: ClusterTime } | { goneAt: ClusterTime }> {
  // By name first: a database's whole list is long to read once for each of its collections.
  for (const filter of [{ name }, {}]) {
    const { collections, operationTime } = await listCollections(db, session, filter);
    const found = collections.find((listed) => listed.uuid === uuid);
    if (found) return { found, operationTime };
    if (!("name" in filter)) return { goneAt: operationTime };
  }
  throw new TypeError("unreachable: the second list has all names");
}

export async function sizeOf(db: Db, name: string): Promise<number> {
  const [stats] = await db
    .collection(name)
    .aggregate([{ $collStats: { storageStats: {} } }, { $project: { size: "$storageStats.size" } }])
    .toArray();
  return Number(stats?.size ?? 0);
}

const atTime = (time: ClusterTime): Document => ({ readConcern: { level: "snapshot", atClusterTime: new Timestamp(time) } });

const nameOf = (db: Db, { namespace }: SnapshotCollection): string => namespace.slice(db.databaseName.length + 1);

async function readAtOnce(
  db: Db,
  collection: SnapshotCollection,
  readAt: ClusterTime,
  sink: CollectionSink,
  session: ClientSession,
): Promise<void> {
  const part: SnapshotPart = { part: sink.nextPart(), readAt, upTo: null, documents: 0, bytes: 0 };
  const find = { find: nameOf(db, collection), hint: { $natural: 1 }, ...atTime(readAt) };
  for await (const batch of readRawCursor(db, find, session)) await take(collection, part, batch, sink);
  await finish(db, collection, part, true, sink, session);
}

/** In the order of `_id`, each range at a time of its own, so that no time is read after the server has forgotten it. */
async function readRanges(
  { limits, signal }: SourceReader,
  db: Db,
  collection: SnapshotCollection,
  readableAt: ClusterTime,
  sink: CollectionSink,
  session: ClientSession,
): Promise<void> {
  for (let readAt = readableAt; ; readAt = await operationTimeNow(db, session)) {
    signal.throwIfAborted();
    const after = collection.parts.at(-1)?.upTo ?? null;
    const part: SnapshotPart = { part: sink.nextPart(), readAt, upTo: null, documents: 0, bytes: 0 };
    const deadline = Date.now() + limits.rangeMs;
    const find = {
      find: nameOf(db, collection),
      hint: { _id: 1 },
      // `min` compares as the index does; `$gt` would only find ids of the same type.
      ...(after && rawField("min", 0x03, after)),
      ...atTime(readAt),
    };
    let last: Buffer | null = null;
    let timeIsUp = false;
    for await (const whole of readRawCursor(db, find, session)) {
      const batch = after && part.documents === 0 ? withoutId(whole, after) : whole;
      if (batch.documents === 0) continue;
      await take(collection, part, batch, sink);
      last = idDocument(batch.payload.subarray(batch.lastStart));
      timeIsUp = Date.now() >= deadline;
      if (timeIsUp) break;
    }
    part.upTo = timeIsUp ? last : null;
    await finish(db, collection, part, !timeIsUp, sink, session);
    if (!timeIsUp) return;
  }
}

/** Servers refuse reads of the past for capped collections. The log has what comes and goes meanwhile, and the natural order is kept. */
async function readCapped(
  { client, sharded }: SourceReader,
  db: Db,
  collection: SnapshotCollection,
  sink: CollectionSink,
  session: ClientSession,
): Promise<void> {
  const readAt = await settledTime(client, sharded);
  const part: SnapshotPart = { part: sink.nextPart(), readAt, upTo: null, documents: 0, bytes: 0 };
  collection.parts = [];
  const readConcern = { level: "majority", afterClusterTime: new Timestamp(readAt) };
  const find = { find: nameOf(db, collection), hint: { $natural: 1 }, readConcern };
  for await (const batch of readRawCursor(db, find, session)) await take(collection, part, batch, sink);
  await finish(db, collection, part, true, sink, session);
}

async function take(collection: SnapshotCollection, part: SnapshotPart, batch: RawBatch, sink: CollectionSink): Promise<void> {
  if (batch.documents === 0) return;
  part.documents += batch.documents;
  part.bytes += batch.payload.length;
  if (collection.namespace.endsWith(".system.views"))
    for (const view of documentsIn(batch.payload)) collection.views.push(textId(view) ?? "");
  await sink.documents(collection, part, batch);
}

async function finish(
  db: Db,
  collection: SnapshotCollection,
  part: SnapshotPart,
  complete: boolean,
  sink: CollectionSink,
  session: ClientSession,
): Promise<void> {
  collection.parts.push(part);
  collection.readTo = await operationTimeNow(db, session);
  collection.complete = complete;
  await sink.finished(collection);
}

async function operationTimeNow(db: Db, session: ClientSession): Promise<ClusterTime> {
  const { operationTime } = await db.command({ ping: 1 }, { session });
  return (operationTime as Timestamp).toBigInt();
}

/** `{_id}` of a document, its bytes kept. */
function idDocument(document: Buffer): Buffer {
  const id = rawElement(document, "_id")!;
  const out = Buffer.alloc(5 + id.end - id.start);
  out.writeInt32LE(out.length);
  document.copy(out, 4, id.start, id.end);
  return out;
}

/** The first document of the next range is the last one of the range before, unless that was deleted meanwhile. */
function withoutId(batch: RawBatch, id: Buffer): RawBatch {
  if (batch.documents === 0 || compareIds(idDocument(batch.payload.subarray(0, batch.payload.readInt32LE(0))), id) !== 0) return batch;
  const first = batch.payload.readInt32LE(0);
  return { ...batch, payload: batch.payload.subarray(first), documents: batch.documents - 1, lastStart: batch.lastStart - first };
}
