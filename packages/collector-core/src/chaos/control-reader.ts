import { createHash } from "node:crypto";
import { BSON, type Document, MongoClient, ReadConcern, ReadPreference, Timestamp } from "mongodb";
import { type ClusterTime, formatClusterTime } from "../cluster-time.js";
import { OplogError } from "../errors.js";
import { readEvents, type StoredEvent } from "../read-events.js";
import type { Store } from "../store.js";

export type Capture = "change-stream" | "oplog";

export interface ControlOrder {
  uri: string;
  capture: Capture;
  /** Only this database. @default the whole deployment */
  database?: string;
  /** Exclusive. */
  after: ClusterTime;
  /** Inclusive: everything up to here has happened and is majority committed when the control reads. */
  to: ClusterTime;
  /** What the source's version takes. @default false */
  split?: boolean;
}

/**
 * The source's own history, read by the driver with none of our code: what the log must hold, no event more, none less, in this order, each
 * byte for byte. Read at the end, when all failovers are over, so that it is what has survived.
 */
export async function* controlEvents(order: ControlOrder): AsyncGenerator<Buffer> {
  const client = new MongoClient(order.uri, { readPreference: ReadPreference.primary, readConcern: new ReadConcern("majority") });
  try {
    yield* order.capture === "oplog" ? oplogEntries(client, order) : changeEvents(client, order);
  } finally {
    await client.close();
  }
}

async function* changeEvents(client: MongoClient, { database, after, to, split = false }: ControlOrder): AsyncGenerator<Buffer> {
  const stage = {
    ...(database === undefined && { allChangesForCluster: true }),
    showExpandedEvents: true,
    showRawUpdateDescription: true,
    showSystemEvents: true,
    showMigrationEvents: true,
    startAtOperationTime: new Timestamp(after + 1n),
  };
  const pipeline: Document[] = [{ $changeStream: stage }, ...(split ? [{ $changeStreamSplitLargeEvent: {} }] : [])];
  // raw: each event comes as the bytes that the server sent.
  const cursor = client.db(database ?? "admin").aggregate(pipeline, { raw: true, batchSize: 1_000, maxAwaitTimeMS: 1_000 });
  for (;;) {
    // Null only for an empty reply: the stream has reached the end of the oplog.
    const event = (await cursor.tryNext()) as Uint8Array | null;
    if (event === null) return;
    const bytes = Buffer.from(event);
    if ((BSON.deserialize(bytes, { promoteValues: false }).clusterTime as Timestamp).toBigInt() > to) return;
    yield bytes;
  }
}

/** Namespaces of the server's own bookkeeping: not part of what is captured. */
const BOOKKEEPING =
  /^(config\.(system\.(sessions|preimages|indexBuilds)|transactions|image_collection|external_validation_keys|tenant(Migration|Split)\w+)|admin\.system\.keys)(\.|$)/;

async function* oplogEntries(client: MongoClient, { after, to }: ControlOrder): AsyncGenerator<Buffer> {
  const oplog = client.db("local").collection("oplog.rs");
  const cursor = oplog
    .find({ ts: { $gt: new Timestamp(after), $lte: new Timestamp(to) } }, { raw: true, batchSize: 1_000 })
    .sort({ $natural: 1 });
  for await (const entry of cursor) {
    const bytes = Buffer.from(entry as unknown as Uint8Array);
    const { op, ns, o } = BSON.deserialize(bytes) as unknown as { op: string; ns: string; o: Document };
    // A command names its collection in its first field: the server makes its own collections when it needs them first.
    const namespace = op === "c" ? `${ns.slice(0, -".$cmd".length)}.${Object.values(o)[0]}` : ns;
    if (op !== "n" && !BOOKKEEPING.test(namespace)) yield bytes;
  }
}

/** What was compared and found equal. */
export interface Equality {
  events: number;
  bytes: number;
  /** SHA-256 over all of them. */
  sha256: string;
  /** Oplog entries in the log of a change stream, for what that does not show: each as it stands in the source's oplog. */
  entries: number;
}

/** Compares a log with the source's own history, event by event, in constant memory; throws at the first difference. */
export async function compareWithControl(store: Store, order: ControlOrder): Promise<Equality> {
  const hash = createHash("sha256");
  const result: Equality = { events: 0, bytes: 0, sha256: "", entries: 0 };
  await using client = new MongoClient(order.uri);
  let entryBefore = 0n;
  const log = readEvents(store, { after: order.after })[Symbol.asyncIterator]();
  const nextInLog = async () => {
    for (;;) {
      const next = await log.next();
      if (next.done || order.capture === "oplog" || next.value.format === "change-event") return next;
      const { bytes, clusterTime } = next.value;
      const entry = await client
        .db("local")
        .collection("oplog.rs")
        .findOne({ ts: new Timestamp(clusterTime) }, { raw: true });
      if (!entry || !bytes.equals(entry as unknown as Uint8Array)) throw different(`${shown(bytes)} is not what stands in the oplog`);
      if (clusterTime <= entryBefore) throw different(`the oplog entry ${shown(bytes)} is in it again`);
      entryBefore = clusterTime;
      result.entries++;
    }
  };
  let previous: Buffer | undefined;
  for await (const expected of controlEvents(order)) {
    const stored = await nextInLog();
    if (stored.done) throw different(`the log ends after ${result.events} events; the source went on with ${shown(expected)}`);
    if (!stored.value.bytes.equals(expected)) throw different(describe(result.events, stored.value, expected, previous));
    hash.update(expected);
    result.events++;
    result.bytes += expected.length;
    previous = expected;
  }
  const more = await nextInLog();
  if (!more.done)
    throw different(`the source's history ends after ${result.events} events; the log goes on with ${shown(more.value.bytes)}`);
  return { ...result, sha256: hash.digest("hex") };
}

const different = (what: string) => new OplogError("DAMAGED", `The log is not what the source's history is: ${what}`);

function describe(index: number, { bytes, segment }: StoredEvent, expected: Buffer, previous: Buffer | undefined): string {
  const again = previous?.equals(bytes) ? " (the event before, again)" : "";
  return `event ${index} in segment ${segment} is ${shown(bytes)}${again}, the source's is ${shown(expected)}`;
}

function shown(bytes: Buffer): string {
  const { _id, operationType, op, ns, ts, clusterTime, documentKey, o2 } = BSON.deserialize(bytes) as Document;
  const time = (clusterTime ?? ts) as Timestamp | undefined;
  return JSON.stringify({
    time: time && formatClusterTime(time.toBigInt()),
    operation: operationType ?? op,
    ns,
    key: documentKey ?? o2,
    token: _id?._data,
  }).slice(0, 400);
}
