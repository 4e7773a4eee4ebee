import {
  arrayOf,
  decodeHeader,
  document,
  documentElement,
  documentsIn,
  OplogError,
  rawElements,
  rawString,
  readPayload,
  runWithDocuments,
  type SegmentHeader,
  type Store,
  stringElement,
} from "@oplog-collector/collector-core";
import type { MongoClient } from "mongodb";
import { applyOps, runDdl } from "../ddl.js";
import { splitNamespace } from "../operation.js";
import { bucketsOf, isBuckets, type Routing } from "../routing.js";
import { hasZeroTimestamp } from "../statement.js";
import type { TargetTerm } from "../target-term.js";
import { entryOf } from "../write-entry.js";
import { idText } from "./capped-window.js";
import { documentsOf, type SnapshotCollection, textId } from "./snapshot-collection.js";
import { recordOf } from "./snapshot-record.js";

/** Documents in one insert: a message has at most 100,000, and one that must be sent again should be small. */
const BYTES_PER_INSERT = 8 * 1024 * 1024;
const DOCUMENTS_PER_INSERT = 50_000;

/** Durable once at the end of a collection, by the index builds and progress marks that wait for a majority. */
const WRITE_CONCERN = { w: 1 };

export interface LoadProgress {
  collections: number;
  collectionsInAll: number;
  documents: number;
  bytes: number;
  bytesInAll: number;
}

export interface LoadOptions {
  client: MongoClient;
  /** The snapshot's own log. */
  store: Store;
  /** What is to be loaded. */
  collections: readonly SnapshotCollection[];
  routing: Routing;
  lanes: number;
  /** By UUID, the documents of capped collections that are left to the log. */
  leaveOut: Map<string, ReadonlySet<string>>;
  signal: AbortSignal;
  /** Notices when another primary answers than the one that took the documents before. */
  term: TargetTerm;
  onProgress: (progress: LoadProgress) => void;
  /** All documents of a collection are on the target. */
  onLoaded: (collection: SnapshotCollection) => Promise<void>;
}

/** Puts the collections of a base snapshot onto the target, without indexes and without views. They must not exist there. */
export async function loadCollections(options: LoadOptions): Promise<void> {
  const { client, store, collections, routing, lanes, signal, onProgress } = options;
  const progress: LoadProgress = {
    collections: 0,
    collectionsInAll: collections.length,
    documents: 0,
    bytes: 0,
    bytesInAll: collections.reduce((sum, { parts }) => sum + parts.reduce((bytes, part) => bytes + part.bytes, 0), 0),
  };
  await forEachInLanes(collections, lanes, signal, async (collection) => {
    await createCollection(client, targetOf(collection, routing), collection);
    progress.collections++;
    onProgress({ ...progress });
  });
  const names = new Set(collections.map((collection) => targetOf(collection, routing)));
  const parts = new Map(
    collections.flatMap((collection) => collection.parts.map(({ part }): [number, SnapshotCollection] => [part, collection])),
  );
  const loading = new OrderedLoads(lanes);
  const loaded = new Map<string, number>();
  for await (const { header, number } of documentSegments(store)) {
    signal.throwIfAborted();
    const record = recordOf(header);
    const collection = record?.what === "documents" ? parts.get(record.part) : undefined;
    if (!collection) continue;
    await loading.add(collection.capped ? collection.uuid : null, async () => {
      const segment = await store.read(number);
      if (!segment) throw new OplogError("DAMAGED", `Segment ${number} of the snapshot is missing`, { hint: "Use another snapshot." });
      const payload = await readPayload(segment, header);
      const namespace = targetOf(collection, routing);
      const { db, collection: name } = splitNamespace(namespace);
      const load = names.has(`${db}.${bucketsOf(name)}`) ? insertByEntries : insertDocuments;
      await load(options, namespace, payload, options.leaveOut.get(collection.uuid));
      loaded.set(collection.uuid, (loaded.get(collection.uuid) ?? 0) + header.events);
      progress.documents += header.events;
      progress.bytes += header.bytes;
      onProgress({ ...progress });
      if (loaded.get(collection.uuid) === documentsOf(collection)) await options.onLoaded(collection);
    });
  }
  await loading.end();
  for (const collection of collections)
    if ((loaded.get(collection.uuid) ?? 0) !== documentsOf(collection))
      throw new OplogError(
        "DAMAGED",
        `The snapshot holds ${loaded.get(collection.uuid) ?? 0} of the ${documentsOf(collection)} documents of ${collection.namespace}`,
        {
          hint: "Use another snapshot.",
        },
      );
}

/** Builds the other indexes of a collection from their whole specifications. */
export async function buildIndexes(client: MongoClient, collection: SnapshotCollection, routing: Routing): Promise<void> {
  if (collection.indexes.length === 0) return;
  await runDdl(client, { kind: "createIndexes", namespace: targetOf(collection, routing), indexes: arrayOf(collection.indexes) }, false);
}

/** Where a collection goes; only asked for those that go somewhere. */
export function targetOf({ namespace }: Pick<SnapshotCollection, "namespace">, routing: Routing): string {
  const route = routing.route(namespace);
  if (route.skip !== undefined) throw new TypeError(`${namespace} is not restored: ${route.skip}`);
  return route.namespace;
}

async function createCollection(client: MongoClient, namespace: string, { options, idIndex }: SnapshotCollection): Promise<void> {
  const withIndex = idIndex ? document([options.subarray(4, -1), documentElement("idIndex", idIndex)]) : options;
  await runDdl(client, { kind: "create", namespace, options: withIndex }, false);
}

async function* documentSegments(store: Store): AsyncGenerator<{ header: SegmentHeader; number: number }> {
  for await (const stored of store.headers()) yield { header: decodeHeader(stored.header), number: stored.number };
}

/** Inserts documents in their order, in as few commands as the limits allow. */
async function insertDocuments(
  { client, routing, term }: LoadOptions,
  namespace: string,
  payload: Buffer,
  leaveOut: ReadonlySet<string> | undefined,
): Promise<void> {
  const { db, collection } = splitNamespace(namespace);
  const send = async (chunks: Buffer[]) => {
    const reply = await runWithDocuments(
      client.db(db),
      { insert: collection, ordered: true, writeConcern: WRITE_CONCERN, bypassDocumentValidation: true },
      { name: "documents", chunks },
    );
    term.check(reply);
    const [refused] = (reply.writeErrors ?? []) as { errmsg: string }[];
    if (refused)
      throw new OplogError("APPLY_FAILED", `A document of the snapshot was refused by ${namespace}: ${refused.errmsg}`, { cause: refused });
  };
  if (collection === "system.views") return insertViews(client, namespace, payload, routing);
  let start = 0;
  let at = 0;
  let documents = 0;
  const flush = async () => {
    if (at > start) await send([payload.subarray(start, at)]);
    documents = 0;
  };
  for (const bytes of documentsIn(payload)) {
    const left = leaveOut?.has(idText(bytes)) ?? false;
    // The insert command would turn it into the current time.
    const trap = !left && hasZeroTimestamp(bytes);
    if (left || trap || at - start + bytes.length > BYTES_PER_INSERT || documents >= DOCUMENTS_PER_INSERT) {
      await flush();
      start = at;
    }
    at += bytes.length;
    documents++;
    if (!left && !trap) continue;
    if (trap) await insertByOplogEntry(client, namespace, bytes);
    start = at;
    documents = 0;
  }
  await flush();
}

/** Beside buckets of its name, a collection's inserts would go into these: oplog entries do not. */
async function insertByEntries(
  { client }: LoadOptions,
  namespace: string,
  payload: Buffer,
  leaveOut: ReadonlySet<string> | undefined,
): Promise<void> {
  for (const bytes of documentsIn(payload)) if (!leaveOut?.has(idText(bytes))) await insertByOplogEntry(client, namespace, bytes);
}

/** The server's own way to make a view, whatever its pipeline has in it. */
async function insertViews(client: MongoClient, namespace: string, payload: Buffer, routing: Routing): Promise<void> {
  const { db } = splitNamespace(namespace);
  for (const view of documentsIn(payload)) {
    const name = textId(view)!;
    const route = routing.route(name);
    if (route.skip !== undefined) continue;
    await insertByOplogEntry(
      client,
      namespace,
      route.namespace === name ? view : document([...renamedView(view, db, route.namespace, routing)]),
    );
  }
}

/** A time series that gets another name has its buckets under another name too. */
function* renamedView(view: Buffer, db: string, to: string, routing: Routing): Generator<Buffer> {
  for (const { name, start, end, valueStart } of rawElements(view)) {
    const buckets =
      name === "viewOn" && isBuckets(rawString(view, valueStart)) ? routing.route(`${db}.${rawString(view, valueStart)}`) : undefined;
    if (name === "_id") yield stringElement("_id", to);
    else if (buckets && buckets.skip === undefined) yield stringElement("viewOn", buckets.collection);
    else yield view.subarray(start, end);
  }
}

const insertByOplogEntry = (client: MongoClient, namespace: string, bytes: Buffer): Promise<void> =>
  applyOps(client, [entryOf({ kind: "insert", namespace, key: bytes, bytes })]);

/** Runs so many loads at a time; those of one key one after another. */
class OrderedLoads {
  private readonly running = new Set<Promise<void>>();
  private readonly tails = new Map<string, Promise<void>>();

  constructor(private readonly lanes: number) {}

  async add(key: string | null, load: () => Promise<void>): Promise<void> {
    while (this.running.size >= this.lanes) await Promise.race(this.running);
    const before = key === null ? undefined : this.tails.get(key);
    const promise = (before ?? Promise.resolve()).then(load);
    promise.catch(() => {}); // thrown at the next race, or at the end
    if (key !== null) this.tails.set(key, promise);
    this.running.add(promise);
    void promise.then(
      () => this.running.delete(promise),
      () => {},
    );
  }

  async end(): Promise<void> {
    await Promise.all(this.running);
  }
}

/** Calls `act` for each item, so many at a time; stops at the first failure, after those under way. */
export async function forEachInLanes<T>(
  items: readonly T[],
  lanes: number,
  signal: AbortSignal,
  act: (item: T) => Promise<void>,
): Promise<void> {
  const queue = [...items];
  const workers = Array.from({ length: Math.min(lanes, queue.length) }, async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) {
      signal.throwIfAborted();
      try {
        await act(item);
      } catch (error) {
        queue.length = 0;
        throw error;
      }
    }
  });
  const failed = (await Promise.allSettled(workers)).find((result) => result.status === "rejected");
  if (failed) throw failed.reason;
}
