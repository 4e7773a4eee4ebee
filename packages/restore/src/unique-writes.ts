import type { ClientSession, Document, MongoClient } from "mongodb";
import { MongoError } from "mongodb";
import type { Group, NamespaceWrites, PlacedStatement } from "./lane-window.js";
import { type LogPlace, REACHED } from "./progress.js";
import { PROGRESS_DATABASE } from "./routing.js";
import { type SendOptions, sendGroup } from "./write-sender.js";

/**
 * Writes on collections with a unique index. Their documents are not independent (one must give a key up before another takes it), and applying
 * them again does not lead to the same end (what is there already may hold the key). So they run in transactions, each with the place it
 * reaches: what was applied is known exactly. In a transaction it is safe to try the quick order first, because a key that is taken undoes all.
 */
export class UniqueWrites {
  private reached: Promise<Map<string, LogPlace>> | undefined;

  constructor(private readonly client: MongoClient) {}

  /** The last place of the log that is on the target, for this namespace. */
  async reachedBy(namespace: string): Promise<LogPlace | undefined> {
    this.reached ??= this.load();
    return (await this.reached).get(namespace);
  }

  async send(writes: NamespaceWrites & { sequence: PlacedStatement[] }, options: SendOptions): Promise<void> {
    const quick = await this.attempt(writes.groups, writes.sequence, options).catch((error: unknown) => error);
    if (quick === undefined) return;
    if (quick instanceof MongoError && quick.hasErrorLabel("UnknownTransactionCommitResult")) throw quick;
    await this.sendInOrder(writes.sequence, writes.groups[0]!.namespace, options);
  }

  private async sendInOrder(sequence: PlacedStatement[], namespace: string, options: SendOptions): Promise<void> {
    try {
      await this.attempt(runsOf(sequence, namespace), sequence, options);
    } catch (error) {
      if (!isTooLarge(error) || sequence.length === 1) throw error;
      const half = sequence.length >> 1;
      await this.sendInOrder(sequence.slice(0, half), namespace, options);
      await this.sendInOrder(sequence.slice(half), namespace, options);
    }
  }

  /** Sends the groups and how far they reach in one transaction. */
  private async attempt(groups: readonly Group[], sequence: readonly PlacedStatement[], options: SendOptions): Promise<void> {
    await using session = this.client.startSession();
    session.startTransaction({ writeConcern: { w: "majority" } });
    try {
      for (const group of groups) await sendGroup(this.client, group, { ...options, session });
      await this.remember(groups[0]!.namespace, sequence.at(-1)!.place, session);
      await session.commitTransaction();
    } catch (error) {
      if (session.inTransaction()) await session.abortTransaction().catch(() => {}); // the server ends it by itself
      throw error;
    }
  }

  private async remember(namespace: string, { segment, event, operation }: LogPlace, session: ClientSession): Promise<void> {
    const place: Document = { segment, event, operation };
    await this.places.updateOne({ _id: namespace }, { $set: place }, { upsert: true, session });
  }

  private async load(): Promise<Map<string, LogPlace>> {
    const found = await this.places.find().toArray();
    return new Map(found.map(({ _id, segment, event, operation }) => [_id, { segment, event, operation }]));
  }

  private get places() {
    return this.client.db(PROGRESS_DATABASE).collection<LogPlace & { _id: string }>(REACHED);
  }
}

/** Runs of one command, in the order of the log; each in the server's own way, because a refused statement would undo all. */
function runsOf(sequence: readonly PlacedStatement[], namespace: string): Group[] {
  const groups: Group[] = [];
  for (const statement of sequence) {
    const own = statement.exact ? { ...statement, bytes: statement.exact(), exact: undefined } : statement;
    const last = groups.at(-1);
    if (last?.command === own.command) last.statements.push(own);
    else groups.push({ namespace, command: own.command, statements: [own] });
  }
  return groups;
}

/** TransactionTooOld, TransactionTooLargeForCache, and what 6.0 says instead of it. */
const TOO_LARGE = new Set([225, 388, -31800]);

const isTooLarge = (error: unknown): boolean =>
  error instanceof Error && TOO_LARGE.has(Number((error as MongoError).code ?? (error.cause as MongoError | undefined)?.code));
