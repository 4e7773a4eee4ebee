import { BSON, type ClientSession, type Document, Long, type MongoClient, ReadPreference, Timestamp } from "mongodb";
import type { Batch } from "../batch.js";
import type { ClusterTime } from "../cluster-time.js";
import { OplogError } from "../errors.js";
import { makeClient } from "../mongo-client.js";
import { type Position, positionOfToken } from "../position.js";
import type { SourceIdentity } from "../segment.js";
import { codeOf } from "./classify-error.js";
import { identifyDeployment, newestClusterTime, oldestClusterTime, processIds, readOplogWindow } from "./deployment.js";
import { type CursorReply, ReplyReader, readCursorReply } from "./reply-batch.js";
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

  constructor({ uri, database = null }: ChangeStreamSourceOptions) {
    this.client = makeClient(uri, "source");
    this.database = database;
  }

  async identify(): Promise<SourceIdentity> {
    this.identity = await identifyDeployment(this.client, this.database);
    return this.identity;
  }

  async open(start: StartPoint, signal: AbortSignal): Promise<EventStream> {
    const { sharded } = this.identity ?? (await this.identify());
    const startFields = await this.startFields(start);
    const session = this.client.startSession();
    try {
      const { reply, options, namespace } = await this.openCursor(startFields, sharded, session);
      if (!reply.postBatchToken)
        throw new OplogError("SOURCE_UNSUITABLE", "The server sent no resume token with an empty reply; MongoDB 4.0.7 and newer do");
      const opened = positionOfToken(reply.postBatchToken);
      // Resumed: what is stored already decides. Begun anew: a high-water mark at T precedes the events of T.
      const position: Position = start.kind === "after" ? start.position : opened;
      return new ChangeEventStream(
        this.client,
        session,
        namespace,
        reply,
        position,
        opened.clusterTime - 1n,
        sharded,
        streamNotes(options),
        signal,
      );
    } catch (error) {
      await session.endSession();
      throw error;
    }
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

  private async openCursor(
    start: Document,
    sharded: boolean,
    session: ClientSession,
  ): Promise<{ reply: CursorReply; options: StreamOptions; namespace: string }> {
    const db = this.client.db(this.database ?? "admin");
    const candidates = this.accepted ? [this.accepted] : STREAM_OPTIONS;
    let refused: unknown;
    for (const options of candidates) {
      const pipeline = streamPipeline(options, { wholeDeployment: this.database === null, sharded }, start);
      try {
        // Batch size 0: the first reply carries the starting position and no event.
        const { cursor } = await db.command({ aggregate: 1, pipeline, cursor: { batchSize: 0 } }, RAW(session));
        this.accepted = options;
        return { reply: readCursorReply(Buffer.from(cursor)), options, namespace: `${this.database ?? "admin"}.$cmd.aggregate` };
      } catch (error) {
        if (!isOptionRefused(codeOf(error))) throw error;
        refused = error;
      }
    }
    throw refused;
  }
}

const RAW = (session: ClientSession) => ({ session, raw: true, readPreference: ReadPreference.primary });

class ChangeEventStream implements EventStream {
  private cursorId: bigint;
  private readonly reader: ReplyReader;
  private closed = false;

  constructor(
    private readonly client: MongoClient,
    private readonly session: ClientSession,
    private readonly namespace: string,
    opened: CursorReply,
    readonly position: Position,
    readonly coveredTo: ClusterTime,
    sharded: boolean,
    readonly notes: string[],
    private readonly signal: AbortSignal,
  ) {
    this.cursorId = opened.id;
    this.reader = new ReplyReader(position, coveredTo, sharded);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Batch> {
    const stop = () => void this.killCursor();
    this.signal.addEventListener("abort", stop, { once: true });
    try {
      let pending = this.getMore(AWAIT_IDLE_MS);
      while (!this.signal.aborted) {
        const { reply, askedAt } = await pending;
        const batch = this.reader.read(reply, askedAt);
        this.cursorId = reply.id;
        const last = reply.id === 0n || this.signal.aborted;
        // The next reply is under way while this one is stored: the server's work is the slowest part.
        if (!last) {
          pending = this.getMore(batch.events > 0 ? AWAIT_AFTER_EVENTS_MS : AWAIT_IDLE_MS);
          pending.catch(() => {}); // thrown where it is awaited, above
        }
        yield batch;
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

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    await this.killCursor();
    await this.session.endSession();
  }

  private async getMore(awaitMs: number): Promise<{ reply: CursorReply; askedAt: number }> {
    const dot = this.namespace.indexOf(".");
    const askedAt = Date.now();
    const { cursor } = await this.client
      .db(this.namespace.slice(0, dot))
      .command(
        { getMore: Long.fromBigInt(this.cursorId), collection: this.namespace.slice(dot + 1), batchSize: REPLY_EVENTS, maxTimeMS: awaitMs },
        RAW(this.session),
      );
    return { reply: readCursorReply(cursor as Buffer), askedAt };
  }

  /** Ends the cursor on the server, which also ends a getMore that waits. On another connection, so that it is not queued behind it. */
  private async killCursor(): Promise<void> {
    const id = this.cursorId;
    if (id === 0n) return;
    this.cursorId = 0n;
    const dot = this.namespace.indexOf(".");
    await this.client
      .db(this.namespace.slice(0, dot))
      .command({ killCursors: this.namespace.slice(dot + 1), cursors: [Long.fromBigInt(id)] })
      .catch(() => {}); // the server ends it by itself after its own timeout; the connection may be what failed
  }
}
