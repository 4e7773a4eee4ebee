import { BSON, type Document, type MongoClient, Timestamp } from "mongodb";
import type { Batch } from "../batch.js";
import type { ClusterTime } from "../cluster-time.js";
import { OplogError } from "../errors.js";
import { makeClient } from "../mongo-client.js";
import { isHighWaterMark, type Position, positionOfToken, tokenData } from "../position.js";
import type { SourceIdentity } from "../segment.js";
import { BlindSpotStream } from "./blind-spot-stream.js";
import { findBlindSpots, mayReadOplog } from "./blind-spots.js";
import { codeOf } from "./classify-error.js";
import { identifyDeployment, newestClusterTime, oldestClusterTime, processIds, readOplogWindow } from "./deployment.js";
import { RawCursor } from "./raw-cursor.js";
import { type CursorReply, holdsDocuments, ReplyReader } from "./reply-batch.js";
import type { EventStream, OplogWindow, Source, StartPoint } from "./source.js";
import { isOptionRefused, STREAM_OPTIONS, type StreamOptions, streamNotes, streamPipeline } from "./stream-options.js";

export interface ChangeStreamSourceOptions {
  uri: string;
  /** Only this database. @default null: the whole deployment */
  database?: string | null;
}

/** How long a getMore waits for the first event when there is none. Short after events, so that a transaction's end is known soon. */
const AWAIT_AFTER_EVENTS_MS = 200;
const AWAIT_IDLE_MS = 1_000;

/** Events a reply at most: about 5 MB of common events, so that two replies in flight stay small; the server fills replies up to 16 MiB otherwise. */
const REPLY_EVENTS = 10_000;

/** Captures through a change stream: works on every replica set and sharded cluster, also hosted ones. */
export class ChangeStreamSource implements Source {
  readonly format = "change-event";
  private readonly client: MongoClient;
  private readonly database: string | null;
  private identity: SourceIdentity | undefined;
  /** The first way of opening that the server took; kept, so that a reopened stream is the same stream. */
  private accepted: StreamOptions | undefined;
  /** Whether what the stream does not show can be read from the oplog. */
  private oplogReadable: boolean | undefined;

  constructor({ uri, database = null }: ChangeStreamSourceOptions) {
    this.client = makeClient(uri, "source");
    this.database = database;
  }

  async identify(): Promise<SourceIdentity> {
    this.identity = { ...(await identifyDeployment(this.client, this.database)), format: this.format };
    return this.identity;
  }

  async open(start: StartPoint, signal: AbortSignal): Promise<EventStream> {
    const { sharded } = this.identity ?? (await this.identify());
    const startFields = await this.startFields(start);
    const { cursor, first, options } = await this.openCursor(startFields, sharded);
    if (!first.postBatchToken) {
      await cursor.close();
      throw new OplogError("SOURCE_UNSUITABLE", "The server sent no resume token with an empty reply; MongoDB 4.0.7 and newer do");
    }
    const opened = positionOfToken(first.postBatchToken);
    // Resumed: what is stored already decides. Begun anew: a high-water mark at T precedes the events of T.
    const position: Position = start.kind === "after" ? start.position : opened;
    const notes = streamNotes(options);
    // Decided once: what the log holds must not depend on when a stream was opened.
    this.oplogReadable ??= !sharded && (await mayReadOplog(this.client));
    if (!this.oplogReadable) notes.push(this.blindSpots(sharded));
    const stream = new ChangeEventStream(cursor, position, opened.clusterTime - 1n, sharded, notes, signal);
    if (!this.oplogReadable) return stream;
    const find = (after: ClusterTime, to: ClusterTime) => findBlindSpots(this.client, after, to, this.database);
    return new BlindSpotStream(stream, find, shownTo(position));
  }

  newest(): Promise<ClusterTime> {
    return newestClusterTime(this.client);
  }

  async oplogWindow(): Promise<OplogWindow> {
    const { sharded } = this.identity ?? (await this.identify());
    return readOplogWindow(this.client, sharded);
  }

  processIds(): Promise<string[]> {
    return processIds(this.client);
  }

  close(): Promise<void> {
    return this.client.close();
  }

  /** What is neither shown nor read from the oplog. */
  private blindSpots(sharded: boolean): string {
    const admin = this.database === null ? ", nor what is written in admin (users and roles) and config" : "";
    const why = sharded
      ? "the shards' oplogs can't be read through mongos"
      : "our user may not read local.oplog.rs (clusterMonitor would allow it)";
    return `A change stream does not show an applyOps that a client ran in one atomic batch${admin}; ${why}, so such changes are missing without a trace.`;
  }

  private async startFields(start: StartPoint): Promise<Document> {
    switch (start.kind) {
      case "now":
        return {};
      case "oldest":
        // Starting at the oldest entry itself is answered with "history lost" (6.0.5).
        return { startAtOperationTime: new Timestamp((await oldestClusterTime(this.client)) + 1n) };
      case "time":
        return { startAtOperationTime: new Timestamp(start.after + 1n) };
      case "after":
        // startAfter, not resumeAfter: it also continues past an invalidate.
        if (!start.position.token) return { startAtOperationTime: new Timestamp(start.position.clusterTime + 1n) };
        if (start.byTime) return { startAtOperationTime: new Timestamp(start.position.clusterTime) };
        // A token holds a string and at most a binary: decoding it loses nothing.
        return { startAfter: BSON.deserialize(start.position.token) };
    }
  }

  private async openCursor(start: Document, sharded: boolean): Promise<{ cursor: RawCursor; first: CursorReply; options: StreamOptions }> {
    const namespace = { database: this.database ?? "admin", collection: "$cmd.aggregate" };
    const candidates = this.accepted ? [this.accepted] : STREAM_OPTIONS;
    let refused: unknown;
    for (const options of candidates) {
      const pipeline = streamPipeline(options, { wholeDeployment: this.database === null, sharded }, start);
      try {
        // Batch size 0: the first reply carries the starting position and no event.
        const opened = await RawCursor.open(this.client, namespace, { aggregate: 1, pipeline, cursor: { batchSize: 0 } });
        this.accepted = options;
        return { ...opened, options };
      } catch (error) {
        if (!isOptionRefused(codeOf(error))) throw error;
        refused = error;
      }
    }
    throw refused;
  }
}

/** Up to where nothing is missing at a position. */
const shownTo = ({ token, clusterTime }: Position): ClusterTime =>
  token && isHighWaterMark(tokenData(token)) ? clusterTime - 1n : clusterTime;

class ChangeEventStream implements EventStream {
  private readonly reader: ReplyReader;

  constructor(
    private readonly cursor: RawCursor,
    readonly position: Position,
    readonly coveredTo: ClusterTime,
    sharded: boolean,
    readonly notes: string[],
    private readonly signal: AbortSignal,
  ) {
    this.reader = new ReplyReader(position, coveredTo, sharded);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Batch> {
    const stop = () => void this.cursor.kill();
    this.signal.addEventListener("abort", stop, { once: true });
    try {
      let pending = this.cursor.more(REPLY_EVENTS, AWAIT_IDLE_MS);
      while (!this.signal.aborted) {
        const reply = await pending;
        const last = this.cursor.exhausted || this.signal.aborted;
        // Asked for before the bytes in hand are looked at: the server's work is the slowest part, and must not wait for ours.
        if (!last) {
          pending = this.cursor.more(REPLY_EVENTS, holdsDocuments(reply) ? AWAIT_AFTER_EVENTS_MS : AWAIT_IDLE_MS);
          pending.catch(() => {}); // thrown where it is awaited, above
        }
        yield this.reader.read(reply, reply.askedAt);
        // A database stream ends itself after an invalidate; the collector reopens it after that position.
        if (last) return;
      }
    } catch (error) {
      if (!this.signal.aborted) throw error;
    } finally {
      this.signal.removeEventListener("abort", stop);
      await this.close();
    }
  }

  close(): Promise<void> {
    return this.cursor.close();
  }
}
