import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { OplogError } from "@oplog-collector/collector-core";
import type { Db, Document, MongoClient } from "mongodb";
import type { TallyState } from "./apply-report.js";
import { PROGRESS_DATABASE } from "./routing.js";
import { TargetChanged, type TargetTerm } from "./target-term.js";

/** A place in the log: the operation that is next. */
export interface LogPlace {
  segment: number;
  /** Which event of the segment, from 0. */
  event: number;
  /** Which operation of the event, from 0: an entry of the oplog may hold a whole transaction. */
  operation: number;
}

export const comparePlaces = (a: LogPlace, b: LogPlace): number => a.segment - b.segment || a.event - b.event || a.operation - b.operation;

/** Everything before this place is on the target, on a majority of it. */
export interface Mark {
  next: LogPlace;
  /** Up to so many events from there may be on the target already, wholly or in part; never any after the next DDL. */
  ahead: number;
  tally: TallyState;
}

/** What a member's TTL monitor was set to before we switched it off. */
export interface TtlSetting {
  host: string;
  enabled: boolean;
}

interface StoredProgress {
  _id: typeof ID;
  request: string;
  owner: { id: string; host: string; pid: number };
  mark: Mark | null;
  ttl: TtlSetting[];
}

const ID = "apply";
const COLLECTION = "applies";

/** How far collections with unique indexes are, by namespace. */
export const REACHED = "reached";

/** A majority, journaled: what was read back after a crash must not be lost again by the next. */
const DURABLE = { writeConcern: { w: "majority" as const, j: true } };

/** Runs of this process, by their owner id. */
const running = new Set<string>();

/**
 * How far an apply is, kept on the target beside the user databases. It names who applies: of two, the later one takes over and the earlier one
 * finds out at its next mark.
 */
export class Progress implements AsyncDisposable {
  readonly ttl: TtlSetting[];

  private constructor(
    private readonly db: Db,
    private readonly ownerId: string,
    /** From where to go on; null: from the beginning. */
    public mark: Mark | null,
    /** An interrupted apply left more than a mark: something after it may be applied. */
    readonly resumed: boolean,
    ttl: TtlSetting[],
    private readonly term: TargetTerm,
  ) {
    this.ttl = ttl;
  }

  /** `request`: the same text for the same apply, which alone may go on from a mark. */
  static async open(client: MongoClient, request: string, resume: boolean | "if-begun", term: TargetTerm): Promise<Progress> {
    const db = client.db(PROGRESS_DATABASE);
    const progress = db.collection<StoredProgress>(COLLECTION);
    const found = await progress.findOne({ _id: ID });
    if (found && isAlive(found.owner))
      throw new OplogError("FENCED", `Process ${found.owner.pid} of this machine is applying to the target`, {
        hint: "Wait for it, or stop it first.",
      });
    if (resume === true && !found)
      throw new OplogError("BAD_INPUT", "There is no interrupted apply on the target", { hint: "Run it without --resume." });
    if (resume && found && found.request !== request)
      throw new OplogError("BAD_INPUT", "The interrupted apply on the target is another one: its log, range, filters or renames differ", {
        hint: "Give the same options as then, or run it without --resume on a target in the right state.",
      });
    const owner = { id: randomUUID(), host: hostname(), pid: process.pid };
    const mark = resume && found ? found.mark : null;
    // What an interrupted apply remembers of the TTL monitors is remembered on, whatever becomes of the rest.
    const ttl = found?.ttl ?? [];
    // What belongs to an apply that is begun anew must not be taken for its own.
    if (!resume) await db.dropCollection(REACHED, DURABLE);
    await progress.replaceOne({ _id: ID }, { request, owner, mark, ttl }, { upsert: true, ...DURABLE });
    running.add(owner.id);
    return new Progress(db, owner.id, mark, Boolean(resume && found), ttl, term);
  }

  async rememberTtl(setting: TtlSetting): Promise<void> {
    if (this.ttl.some(({ host }) => host === setting.host)) return;
    this.ttl.push(setting);
    await this.update({ ttl: this.ttl });
  }

  async forgetTtl(): Promise<void> {
    this.ttl.length = 0;
    await this.update({ ttl: [] });
  }

  /** Resolves when all that was written is on a majority. */
  confirm(): Promise<void> {
    return this.update({ "owner.pid": process.pid });
  }

  /**
   * Makes what was written so far durable, then the mark. In two steps: a mark that lands on another primary than the writes would claim writes
   * that this one never had.
   */
  async save(mark: Mark): Promise<void> {
    await this.confirm();
    await this.update({ mark });
    this.mark = mark;
  }

  /** Nothing of us stays on the target. */
  async end(): Promise<void> {
    const { db } = this;
    for (const name of [COLLECTION, REACHED]) await db.dropCollection(name, DURABLE);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    running.delete(this.ownerId);
  }

  /** As a command, because its reply says which primary answered. */
  private async update(fields: Document): Promise<void> {
    const reply = await this.db.command({
      update: COLLECTION,
      updates: [{ q: { _id: ID, "owner.id": this.ownerId }, u: { $set: fields } }],
      ...DURABLE,
    });
    if (reply.writeConcernError) throw new TargetChanged(`the target did not confirm a mark: ${reply.writeConcernError.errmsg}`);
    if (reply.writeErrors) throw new OplogError("APPLY_FAILED", `Progress can't be kept on the target: ${reply.writeErrors[0].errmsg}`);
    this.term.check(reply);
    if (reply.n === 0)
      throw new OplogError("FENCED", "Another apply took over this target", { hint: "Only one apply may run on a target." });
  }
}

/** On another machine nobody can say; then the later one takes over. */
function isAlive({ id, host, pid }: StoredProgress["owner"]): boolean {
  if (host !== hostname()) return false;
  if (pid === process.pid) return running.has(id);
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // No right to signal it: it is there.
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
