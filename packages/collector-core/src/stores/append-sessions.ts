import type { ClientSession, Collection, Db, ServerSessionId } from "mongodb";

/** As many of the last that appended: a dead one is hardly ever followed by nine others before one of them stores something. */
const SESSIONS_KEPT = 10;

/** Beside the checkpoint, so that it goes with it. */
export interface AppendSessionsDocument {
  _id: "append-sessions";
  /** The ids of the sessions in which transactions are begun, the newest last. */
  sessions: ServerSessionId[];
}

/**
 * The sessions in whose transactions a log is appended to. A transaction whose client is gone stays open on the server, with all that it locks,
 * for up to 90 seconds (`transactionLifetimeLimitSeconds`). So each session is on record before its first transaction, and whoever finds something
 * locked can end those of the others. Nothing depends on whether they live: a transaction that is ended has stored nothing, and a writer whose
 * transaction was ended tries again, and then finds the number free or taken.
 */
export class AppendSessions {
  #current: ClientSession | undefined;

  constructor(
    private readonly db: Db,
    private readonly records: Collection<AppendSessionsDocument>,
  ) {}

  /** The session to append in, always the same one: with its next transaction the server ends the one before, should that be open still. */
  async current(): Promise<ClientSession> {
    if (this.#current) return this.#current;
    const session = this.db.client.startSession({ defaultTransactionOptions: { writeConcern: { w: "majority", journal: true } } });
    try {
      // It has its id from the first use on, or from being asked for it: only an ended session has none.
      const sessions = { $each: [session.id!], $slice: -SESSIONS_KEPT };
      await this.records.updateOne({ _id: "append-sessions" }, { $push: { sessions } }, { upsert: true });
    } catch (error) {
      await session.endSession();
      throw error;
    }
    this.#current = session;
    return session;
  }

  async close(): Promise<void> {
    await this.#current?.endSession();
    this.#current = undefined;
  }

  /** Ends the transactions that others have open. A user may end the sessions of the same user; what the server does not allow, throws. */
  async endOthers(): Promise<void> {
    const record = await this.records.findOne({ _id: "append-sessions" });
    const own = this.#current?.id?.id.toString("hex");
    const others = record?.sessions.filter(({ id }) => id.toString("hex") !== own) ?? [];
    if (others.length > 0) await this.db.client.db("admin").command({ killSessions: others });
  }
}
