import { randomBytes } from "node:crypto";
import {
  type ClusterTime,
  formatClusterTime,
  OplogError,
  readCoverage,
  type SourceIdentity,
  type Store,
  snapshotLogName,
  timelineFor,
} from "@oplog-collector/collector-core";
import type { MongoClient } from "mongodb";
import { isSound, judgeSnapshot, restorableFrom, type SnapshotState } from "./consistency.js";
import { readDdlEvents } from "./ddl-events.js";
import { type CollectionSink, DEFAULT_READ_LIMITS, readCollection, type SourceReader, settledTime, sizeOf } from "./read-collection.js";
import { isUnauthorized, readUsers } from "./read-users.js";
import { encodeRules } from "./replay-rules.js";
import { bytesOf, databaseOf, documentsOf, encodeCollection, type SnapshotCollection } from "./snapshot-collection.js";
import { beginSegment, SnapshotWriter } from "./snapshot-writer.js";
import { isInSnapshots, listCollections, listDatabases } from "./source-catalogue.js";
import type { SnapshotProgress, TakenSnapshot, TakeSnapshotOptions } from "./take-snapshot.js";
import { takenHere, type Unfinished } from "./unfinished-snapshot.js";
import { DEFAULT_COVERAGE_WAIT_MS, waitForCoverage } from "./wait-for-coverage.js";

/** Collections read at a time: one keeps a core of a server busy, and the compression of three keeps ours. */
export const DEFAULT_READERS = 3;

/** Rounds of reading again what DDL changed under the reader. Each takes some hundred milliseconds, so that only DDL without a pause uses them up. */
const ROUNDS = 100;

/** How often a snapshot in the making shows that its process lives. */
const SIGN_OF_LIFE_MS = 10_000;

/** `20261122T140524-3fa9c1`: sorts by time, and two at once differ. */
const newId = (): string => `${new Date().toISOString().slice(0, 19).replace(/[-:]/g, "")}-${randomBytes(3).toString("hex")}`;

/** One snapshot in the making. */
export class SnapshotTaking {
  private readonly progress: SnapshotProgress = {
    phase: "reading",
    collections: 0,
    collectionsInAll: 0,
    documents: 0,
    bytes: 0,
    bytesInAll: 0,
  };
  private readonly notes: string[] = [];
  private part = 0;
  private writer!: SnapshotWriter;
  private state!: SnapshotState;
  /** What was found gone had gone by this time: the log must tell how. */
  private lookUpTo: ClusterTime = 0n;
  private readonly reader: SourceReader;

  constructor(
    private readonly options: TakeSnapshotOptions,
    private readonly client: MongoClient,
    private readonly log: Store,
    private readonly source: SourceIdentity,
    private readonly signal: AbortSignal,
  ) {
    this.reader = { client, sharded: source.sharded, limits: { ...DEFAULT_READ_LIMITS, ...options.limits }, signal };
  }

  async take(takenFrom: ClusterTime, unfinished: Unfinished | null): Promise<TakenSnapshot> {
    const id = unfinished?.id ?? newId();
    const name = snapshotLogName(this.options.log, id);
    const store = unfinished?.store ?? (await this.options.location.log(name));
    this.writer = new SnapshotWriter(store, name);
    this.state = { takenFrom, collections: new Map(), databases: new Map(), listedAfter: new Map(), skipped: new Map() };
    if (unfinished) {
      await this.writer.resume();
      this.part = unfinished.lastPart;
    } else await this.writer.write(beginSegment(takenFrom, this.source));
    await this.writer.flush();
    await this.writer.signal(true);
    takenHere.add(name);
    const alive = setInterval(() => void this.writer.signal(true).catch(() => {}), SIGN_OF_LIFE_MS);
    try {
      await this.readAll(unfinished);
      await this.settle();
      await this.readUsers();
      const taken = await this.complete(id, unfinished !== null);
      this.tell({ phase: "done" });
      return taken;
    } finally {
      clearInterval(alive);
      takenHere.delete(name);
      await this.writer.signal(false).catch(() => {});
      await store.close();
    }
  }

  private async readAll(unfinished: Unfinished | null): Promise<void> {
    const wanted: { namespace: string; uuid: string }[] = [];
    for (const database of await listDatabases(this.client, this.source.database))
      wanted.push(...(await this.listDatabase(database).catch((error) => this.withoutAdmin(database, error))));
    const bytes = new Map<string, number>();
    for (const { namespace, uuid } of wanted) {
      const size = await sizeOf(this.client.db(databaseOf(namespace)), namespace.slice(databaseOf(namespace).length + 1)).catch(() => 0);
      bytes.set(uuid, size);
      this.progress.bytesInAll += size;
    }
    this.progress.collectionsInAll = wanted.length;
    // The largest first, so that at the end no reader is left alone with it.
    wanted.sort((a, b) => bytes.get(b.uuid)! - bytes.get(a.uuid)!);
    const left = wanted.filter(({ uuid, namespace }) => {
      const stored = unfinished?.collections.get(uuid);
      // Views are read with the list of their database.
      if (!stored?.complete || namespace.endsWith(".system.views")) return true;
      this.count(stored);
      return false;
    });
    await this.readEach(left, unfinished);
  }

  /** Reads when a database's list of views was seen; returns its collections. */
  private async listDatabase(database: string): Promise<{ namespace: string; uuid: string }[]> {
    const session = this.client.startSession({ causalConsistency: false });
    try {
      const listedAfter = await settledTime(this.client, this.source.sharded);
      const { collections, operationTime } = await listCollections(this.client.db(database), session);
      this.state.listedAfter.set(database, listedAfter);
      this.state.databases.set(database, operationTime);
      return collections
        .map(({ name, uuid }) => ({ namespace: `${database}.${name}`, uuid }))
        .filter(({ namespace }) => isInSnapshots(namespace));
    } finally {
      await session.endSession();
    }
  }

  /** Who may not look into `admin` may still take a snapshot of all the rest. */
  private withoutAdmin(database: string, error: unknown): [] {
    if (database !== "admin" || !isUnauthorized(error)) throw error;
    this.notes.push("What users keep in admin is not in the snapshot: our user may not list its collections; grant it the role backup.");
    return [];
  }

  private async readEach(wanted: { namespace: string; uuid: string }[], unfinished: Unfinished | null): Promise<void> {
    const queue = [...wanted];
    const readers = Array.from({ length: this.options.readers ?? DEFAULT_READERS }, async () => {
      for (let next = queue.shift(); next; next = queue.shift()) {
        const stored = unfinished?.collections.get(next.uuid);
        await this.readOne(next, stored && !stored.complete ? stored : undefined);
      }
    });
    // All of them, so that none goes on writing after the snapshot has been given up.
    const failed = (await Promise.allSettled(readers.map((reader) => reader.catch((error) => stopQueue(queue, error))))).find(
      (result) => result.status === "rejected",
    );
    if (failed) throw failed.reason;
    await this.writer.flush();
  }

  private async readOne(wanted: { namespace: string; uuid: string }, unfinished?: SnapshotCollection): Promise<void> {
    const result = await readCollection(this.reader, wanted, this.sink, unfinished);
    if ("goneAt" in result) {
      this.state.collections.delete(wanted.uuid);
      if (result.goneAt > this.lookUpTo) this.lookUpTo = result.goneAt;
      return;
    }
    const { collection } = result;
    if (collection.namespace.endsWith(".system.views")) {
      this.state.databases.set(databaseOf(collection.namespace), collection.parts.at(-1)!.readAt);
      this.state.listedAfter.set(databaseOf(collection.namespace), collection.catalogueAfter);
    }
    this.count(collection);
  }

  private count(collection: SnapshotCollection): void {
    this.state.collections.set(collection.uuid, collection);
    this.progress.collections++;
    this.tell({});
  }

  private readonly sink: CollectionSink = {
    nextPart: () => ++this.part,
    documents: async ({ namespace }, { part, readAt }, { payload, documents }) => {
      this.signal.throwIfAborted();
      await this.writer.write({ record: { what: "documents", part, namespace }, payload, documents, namespace, at: readAt });
      this.progress.documents += documents;
      this.progress.bytes += payload.length;
      this.tell({});
    },
    finished: async (collection) => {
      await this.writer.write({
        record: { what: "collections" },
        payload: encodeCollection(collection),
        documents: 1,
        at: collection.parts.at(-1)!.readAt,
      });
    },
  };

  /** Reads again what DDL changed meanwhile, until collections and log give one exact state. */
  private async settle(): Promise<void> {
    for (let round = 1; ; round++) {
      const consistent = restorableFrom(this.state);
      const until = consistent > this.lookUpTo ? consistent : this.lookUpTo;
      await this.waitForLog(until);
      this.tell({ phase: "checking" });
      const verdict = judgeSnapshot(this.state, await readDdlEvents(this.log, this.state.takenFrom, until));
      if (isSound(verdict)) return;
      if (round === ROUNDS)
        throw new OplogError(
          "SOURCE_UNSUITABLE",
          `Collections were created, renamed or dropped faster than they could be read, ${ROUNDS} times in a row`,
          {
            hint: "Run snapshot again when the source has a quieter moment: it goes on with what is finished.",
          },
        );
      for (const [uuid, droppedAt] of verdict.drop) {
        this.state.collections.delete(uuid);
        this.state.skipped.set(uuid, droppedAt);
      }
      const redo = [...verdict.redo].map(([uuid, namespace]) => ({ uuid, namespace }));
      for (const database of verdict.redoDatabases) {
        for (const [uuid, { namespace }] of this.state.collections)
          if (namespace === `${database}.system.views`) this.state.collections.delete(uuid);
        redo.push(...(await this.listDatabase(database)).filter(({ namespace }) => namespace.endsWith(".system.views")));
      }
      for (const { uuid } of redo) this.state.collections.delete(uuid);
      await this.readEach(redo, null);
    }
  }

  private async waitForLog(time: ClusterTime): Promise<void> {
    this.tell({ phase: "waiting for the log" });
    const timeoutMs = this.options.coverageWaitMs ?? DEFAULT_COVERAGE_WAIT_MS;
    await waitForCoverage(this.log, time, { client: this.client, timeoutMs, signal: this.signal });
    // Unbroken since the beginning: a gap would hide DDL, and the snapshot could not be restored over it.
    timelineFor(await readCoverage(this.log), this.state.takenFrom, time, formatClusterTime);
  }

  private async readUsers(): Promise<void> {
    if (this.source.database !== null) return;
    this.notes.push(...(await readUsers(this.reader, this.sink, (collection) => this.count(collection))));
    await this.writer.flush();
  }

  private async complete(id: string, resumed: boolean): Promise<TakenSnapshot> {
    const { takenFrom, collections: found } = this.state;
    const collections = [...found.values()];
    const totals = {
      collections: collections.length,
      documents: collections.reduce((sum, collection) => sum + documentsOf(collection), 0),
      bytes: collections.reduce((sum, collection) => sum + bytesOf(collection), 0),
    };
    const usableFrom = restorableFrom(this.state);
    await this.waitForLog(usableFrom);
    await this.writer.write({
      record: { what: "complete", takenFrom, restorableFrom: usableFrom, ...totals, notes: this.notes },
      payload: Buffer.concat([encodeRules(this.state), ...collections.map(encodeCollection)]),
      documents: collections.length + 1,
      at: usableFrom,
    });
    await this.writer.flush();
    return { id, takenFrom, restorableFrom: usableFrom, ...totals, storedBytes: this.writer.storedBytes, resumed, notes: this.notes };
  }

  private tell(change: Partial<SnapshotProgress>): void {
    Object.assign(this.progress, change);
    this.options.onProgress?.({ ...this.progress });
  }
}

/** The other readers end after what they are at. */
function stopQueue(queue: unknown[], error: unknown): never {
  queue.length = 0;
  throw error;
}
