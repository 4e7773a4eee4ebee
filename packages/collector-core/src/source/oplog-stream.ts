import { type MongoClient, Timestamp } from "mongodb";
import type { Batch } from "../batch.js";
import type { CaptureReport } from "../capture-report/capture-report.js";
import { examineCapture } from "../capture-report/examine-capture.js";
import { type ClusterTime, formatClusterTime } from "../cluster-time.js";
import { OplogError } from "../errors.js";
import { OplogEntryScan } from "../oplog-entry.js";
import type { Position } from "../position.js";
import { documentsInArray } from "../raw-bson.js";
import { OplogBatchReader } from "./oplog-batch.js";
import { RawCursor } from "./raw-cursor.js";
import { repliesAhead } from "./replies-ahead.js";
import type { EventStream } from "./source.js";

/** Entries a reply at most while looking back: only tiny ones come to so many before the server's own limit of 16 MiB. */
const LOOK_BACK_ENTRIES = 100_000;

const NAMESPACE = { database: "local", collection: "oplog.rs" };

/** Majority: what can still be rolled back is never seen (semantics: a tail with local reads showed every undone write of five rollbacks). */
const MAJORITY = { readConcern: { level: "majority" } };

/** The entries after a position, as they are written. */
export class OplogStream implements EventStream {
  readonly notes: string[] = [];

  private constructor(
    private readonly client: MongoClient,
    private readonly cursor: RawCursor,
    private readonly reader: OplogBatchReader,
    readonly position: Position,
    readonly coveredTo: ClusterTime,
    private readonly signal: AbortSignal,
  ) {}

  /** Opens after `position`, which must be an entry's. `coveredTo` before it: entries in between are looked at again for open transactions. */
  static async open(client: MongoClient, position: Position, coveredTo: ClusterTime, signal: AbortSignal): Promise<OplogStream> {
    const reader = new OplogBatchReader(position, coveredTo);
    if (coveredTo < position.clusterTime) await lookBack(client, reader, coveredTo, position.clusterTime);
    const { cursor, first } = await RawCursor.open(client, NAMESPACE, {
      find: NAMESPACE.collection,
      filter: { ts: { $gte: new Timestamp(position.clusterTime) } },
      tailable: true,
      awaitData: true,
      batchSize: 1,
      ...MAJORITY,
    });
    try {
      const [time] = timesOf(first.documents);
      if (time === undefined) throw notYet(position.clusterTime);
      // A query for entries from a time on that is gone is answered, without a word, with what came later.
      if (time !== position.clusterTime) throw lost(position.clusterTime, time);
    } catch (error) {
      await cursor.close();
      throw error;
    }
    return new OplogStream(client, cursor, reader, position, coveredTo, signal);
  }

  /** The server ends a tailing cursor that it has overtaken, or whose collection is gone: opening again tells which. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Batch> {
    for await (const { documents, askedAt } of repliesAhead(this.cursor, this.signal)) yield this.reader.read(documents, askedAt);
  }

  report(): Promise<CaptureReport> {
    return examineCapture(this.client, { capture: "oplog" });
  }

  close(): Promise<void> {
    return this.cursor.close();
  }
}

/** Reads the entries of `(coveredTo, position]`, which are stored, for the transactions that are open after them. */
async function lookBack(client: MongoClient, reader: OplogBatchReader, coveredTo: ClusterTime, position: ClusterTime): Promise<void> {
  const { cursor, first } = await RawCursor.open(client, NAMESPACE, {
    find: NAMESPACE.collection,
    filter: { ts: { $gte: new Timestamp(coveredTo), $lte: new Timestamp(position) } },
    batchSize: LOOK_BACK_ENTRIES,
    ...MAJORITY,
  });
  try {
    let { documents } = first;
    const [oldest] = timesOf(documents);
    if (oldest === undefined) throw notYet(position);
    // Complete up to an entry, or up to just before the first entry of a transaction.
    if (oldest > coveredTo + 1n) throw lost(coveredTo, oldest);
    for (;;) {
      reader.lookBack(documents, coveredTo);
      if (cursor.exhausted) return;
      ({ documents } = await cursor.more(LOOK_BACK_ENTRIES));
    }
  } finally {
    await cursor.close();
  }
}

function timesOf(documents: Buffer): ClusterTime[] {
  const scan = new OplogEntryScan();
  return [...documentsInArray(documents)].map((at) => {
    scan.read(documents, at);
    return scan.clusterTime;
  });
}

const lost = (wanted: ClusterTime, oldest: ClusterTime): OplogError =>
  new OplogError(
    "HISTORY_LOST",
    `The source's oplog no longer holds the entry ${formatClusterTime(wanted)}, from which to go on; the next one that it holds is ${formatClusterTime(oldest)}`,
  );

/** A new primary may know a little later than its predecessor what a majority has. */
const notYet = (wanted: ClusterTime): OplogError =>
  new OplogError("UNREACHABLE", `The majority of the source has not yet reached our position ${formatClusterTime(wanted)}`, {
    hint: "After a failover this passes. If it stays, the source was put back to an older state: begin a new log for it.",
  });
