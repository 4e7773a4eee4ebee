import { BSON, type Document, type MongoClient, Timestamp } from "mongodb";
import { examineCapture } from "../capture-report/examine-capture.js";
import type { ClusterTime } from "../cluster-time.js";
import { OplogError } from "../errors.js";
import { type Position, positionOfToken } from "../position.js";
import type { SourceIdentity } from "../segment.js";
import { BlindSpotStream } from "./blind-spot-stream.js";
import { findBlindSpots, mayReadOplog } from "./blind-spots.js";
import { ChangeEventStream } from "./change-event-stream.js";
import { codeOf } from "./classify-error.js";
import { identifyDeployment, newestClusterTime, oldestClusterTime, processIds, recentOplogWindow } from "./deployment.js";
import { entryOfLargeEvent } from "./large-event.js";
import { RawCursor } from "./raw-cursor.js";
import type { CursorReply } from "./reply-batch.js";
import { shownTo } from "./shown-to.js";
import type { EventStream, OplogWindow, Source, StartPoint } from "./source.js";
import { type ConnectSource, ownClient, type SourceClient } from "./source-client.js";
import { isOptionRefused, STREAM_OPTIONS, type StreamOptions, streamNotes, streamPipeline } from "./stream-options.js";
import { UndeliveredEventStream } from "./undelivered-event-stream.js";
import { entryOfUnformedEvent } from "./unformed-event.js";

export interface ChangeStreamSourceOptions {
  uri: string;
  /** Only this database. @default null: the whole deployment */
  database?: string | null;
  /** @default a client of its own */
  connect?: ConnectSource;
}

/** Captures through a change stream: works on every replica set and sharded cluster, also hosted ones. */
export class ChangeStreamSource implements Source {
  readonly format = "change-event";
  private readonly connection: SourceClient;
  private readonly client: MongoClient;
  private readonly database: string | null;
  private identity: SourceIdentity | undefined;
  /** The first way of opening that the server took; kept, so that a reopened stream is the same stream. */
  private accepted: StreamOptions | undefined;
  /** Whether what the stream does not show can be read from the oplog. */
  private oplogReadable: boolean | undefined;

  constructor({ uri, database = null, connect = ownClient }: ChangeStreamSourceOptions) {
    this.connection = connect(uri);
    this.client = this.connection.client;
    this.database = database;
  }

  async identify(): Promise<SourceIdentity> {
    this.identity = { ...(await identifyDeployment(this.client, this.database)), format: this.format };
    return this.identity;
  }

  async open(start: StartPoint, signal: AbortSignal): Promise<EventStream> {
    const { sharded } = this.identity ?? (await this.identify());
    // Decided once: what the log holds must not depend on when a stream was opened.
    this.oplogReadable ??= !sharded && (await mayReadOplog(this.client));
    const stream = await this.openStream(start, sharded, signal);
    const { client, oplogReadable } = this;
    const after = (position: Position): StartPoint =>
      position === stream.position && start.kind === "after" ? start : { kind: "after", position, coveredTo: position.clusterTime };
    const whole = new UndeliveredEventStream(stream, {
      oneByOne: (position) => this.openStream(after(position), sharded, signal, 1),
      entryAfter: async (position, why) => {
        if (why === "unformed") return oplogReadable ? entryOfUnformedEvent(client, position, this.database) : null;
        return entryOfLargeEvent({
          client,
          database: this.database,
          namespace: this.namespace,
          position,
          // Fragments would come before the stage that makes an event small.
          pipeline: streamPipeline({ ...this.accepted!, split: false }, this.scope(sharded), await this.startFields(after(position))),
          oplogUnreadable: oplogReadable ? null : oplogUnreadable(sharded),
        });
      },
    });
    if (!oplogReadable) return whole;
    const find = (after: ClusterTime, to: ClusterTime) => findBlindSpots(client, after, to, this.database);
    return new BlindSpotStream(whole, find, shownTo(stream.position));
  }

  newest(): Promise<ClusterTime> {
    return newestClusterTime(this.client);
  }

  async oplogWindow(): Promise<OplogWindow> {
    const { sharded } = this.identity ?? (await this.identify());
    return recentOplogWindow(this.client, sharded);
  }

  processIds(): Promise<string[]> {
    return processIds(this.client);
  }

  close(): Promise<void> {
    return this.connection.close();
  }

  private async openStream(start: StartPoint, sharded: boolean, signal: AbortSignal, replyEvents?: number): Promise<ChangeEventStream> {
    const { cursor, first, options } = await this.openCursor(await this.startFields(start), sharded);
    if (!first.postBatchToken) {
      await cursor.close();
      throw new OplogError("SOURCE_UNSUITABLE", "The server sent no resume token with an empty reply; MongoDB 4.0.7 and newer do");
    }
    const opened = positionOfToken(first.postBatchToken);
    // Resumed: what is stored already decides. Begun anew: a high-water mark at T precedes the events of T.
    const position: Position = start.kind === "after" ? start.position : opened;
    const way = { ...options, database: this.database, sharded, oplogReadable: this.oplogReadable === true };
    const report = () => examineCapture(this.client, { capture: "change-stream", ...way });
    return new ChangeEventStream(
      ...([cursor, position, opened.clusterTime - 1n, sharded, this.notes(options, sharded), report, signal, replyEvents] as const),
    );
  }

  private notes(options: StreamOptions, sharded: boolean): string[] {
    const notes = streamNotes(options, this.oplogReadable === true);
    if (this.oplogReadable) return notes;
    const admin = this.database === null ? ", nor what is written in admin (users and roles) and config" : "";
    const missing = `A change stream does not show an applyOps that a client ran in one atomic batch${admin}`;
    return [...notes, `${missing}; ${oplogUnreadable(sharded)}, so such changes are missing without a trace.`];
  }

  private scope(sharded: boolean): { wholeDeployment: boolean; sharded: boolean } {
    return { wholeDeployment: this.database === null, sharded };
  }

  private get namespace(): { database: string; collection: string } {
    return { database: this.database ?? "admin", collection: "$cmd.aggregate" };
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
    const candidates = this.accepted ? [this.accepted] : STREAM_OPTIONS;
    let refused: unknown;
    for (const options of candidates) {
      const pipeline = streamPipeline(options, this.scope(sharded), start);
      try {
        // Batch size 0: the first reply carries the starting position and no event.
        const opened = await RawCursor.open(this.client, this.namespace, { aggregate: 1, pipeline, cursor: { batchSize: 0 } });
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

const oplogUnreadable = (sharded: boolean): string =>
  sharded ? "the shards' oplogs can't be read through mongos" : "our user may not read local.oplog.rs (clusterMonitor would allow it)";
