import { type ClientSession, type Document, Long, type MongoClient, ReadPreference } from "mongodb";
import { type CursorReply, readCursorReply } from "./reply-batch.js";

/** A cursor of the server that we ask for replies ourselves: the driver's own cursors make an object of each document. */
export class RawCursor {
  private killed: Promise<void> | undefined;
  private closed = false;

  private constructor(
    private readonly client: MongoClient,
    private readonly session: ClientSession,
    private readonly database: string,
    private readonly collection: string,
    private id: bigint,
  ) {}

  /** Runs a command that answers with a cursor over `database.collection`. Majority reads are asked for in the command itself. */
  static async open(
    client: MongoClient,
    { database, collection }: { database: string; collection: string },
    command: Document,
  ): Promise<{ cursor: RawCursor; first: CursorReply }> {
    // Not causal: the driver would otherwise ask the server to wait for the time of its previous answer.
    const session = client.startSession({ causalConsistency: false });
    try {
      const reply = await client.db(database).command(command, { session, raw: true, readPreference: ReadPreference.primary });
      const first = readCursorReply(reply.cursor as Buffer);
      return { cursor: new RawCursor(client, session, database, collection, first.id), first };
    } catch (error) {
      await session.endSession();
      throw error;
    }
  }

  /** The server has ended it: there is nothing more to ask. */
  get exhausted(): boolean {
    return this.id === 0n;
  }

  /** Waits `awaitMs` for a first document when there is none. `askedAt` is the clock before asking. */
  async more(batchSize: number, awaitMs?: number): Promise<CursorReply & { askedAt: number }> {
    const askedAt = Date.now();
    const { cursor } = await this.client.db(this.database).command(
      {
        getMore: Long.fromBigInt(this.id),
        collection: this.collection,
        batchSize,
        ...(awaitMs !== undefined && { maxTimeMS: awaitMs }),
      },
      { session: this.session, raw: true, readPreference: ReadPreference.primary },
    );
    const reply = readCursorReply(cursor as Buffer);
    // Zero when ended here meanwhile: it stays so.
    if (this.id !== 0n) this.id = reply.id;
    return { ...reply, askedAt };
  }

  /** Ends it on the server, which also ends a `more` that waits. On another connection, so that it is not queued behind it. */
  async kill(): Promise<void> {
    if (this.id !== 0n) {
      const command = { killCursors: this.collection, cursors: [Long.fromBigInt(this.id)] };
      this.id = 0n;
      this.killed = this.client
        .db(this.database)
        .command(command)
        // The server ends it by itself after its own timeout; the connection may be what failed.
        .then(NOTHING, NOTHING);
    }
    // Not for longer: without a connection the driver looks for one for seconds, and nobody would hear meanwhile that it is gone.
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, KILL_PATIENCE_MS);
    });
    await Promise.race([this.killed, patience]);
    clearTimeout(timer);
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    await this.kill();
    await this.session.endSession();
  }
}

/** A server that is there answers within milliseconds. */
const KILL_PATIENCE_MS = 500;

const NOTHING = (): void => {};
