import { OplogError } from "@oplog-collector/collector-core";
import type { Collection, Db, Document, MongoClient } from "mongodb";
import type { TtlSetting } from "../progress.js";
import { PROGRESS_DATABASE } from "../routing.js";
import { TargetChanged, type TargetTerm } from "../target-term.js";

/** How far a restore is: kept on the target, beside the user databases, so that it is there for whoever goes on. */
export interface RestoreState {
  /** What is restored: another restore must not go on with it. */
  fingerprint: string;
  /** The snapshot in use: a newer one may have been taken since. */
  snapshot: string;
  phase: (typeof PHASES)[number];
  /** UUIDs of the collections whose documents are all there. */
  loaded: string[];
  ttl: TtlSetting[];
}

/** In their order. Each is marked before it begins, and can be begun again. */
export const PHASES = ["loading", "evening", "building indexes", "users", "applying", "done"] as const;

const ID = "restore";
const COLLECTION = "restores";

interface StoredState extends RestoreState {
  _id: typeof ID;
}

/** A majority, journaled: what was read back after a crash must not be lost again by the next. */
const DURABLE = { w: "majority" as const, j: true };

export class RestoreMark {
  private readonly db: Db;
  private readonly states: Collection<StoredState>;
  private state: RestoreState | null = null;

  constructor(
    client: MongoClient,
    /** Which primary the loads went to. */
    private readonly term: TargetTerm,
  ) {
    this.db = client.db(PROGRESS_DATABASE);
    this.states = this.db.collection(COLLECTION);
  }

  async find(): Promise<StoredState | null> {
    return this.states.findOne({ _id: ID });
  }

  /** The collections whose documents are all there. */
  get done(): ReadonlySet<string> {
    return new Set(this.state?.loaded);
  }

  /** What was left of a restore that is not gone on with is still to be put back. */
  async begin({ fingerprint, snapshot }: Pick<RestoreState, "fingerprint" | "snapshot">): Promise<void> {
    const ttl = (await this.find())?.ttl ?? [];
    const state: RestoreState = { fingerprint, snapshot, phase: "loading", loaded: [], ttl };
    this.state = state;
    await this.states.replaceOne({ _id: ID }, state, { upsert: true, writeConcern: DURABLE });
  }

  /** Whether there is a restore to go on with; throws when it is another one. */
  async resume(fingerprint: string): Promise<boolean> {
    const found = await this.find();
    if (!found) return false;
    if (found.fingerprint !== fingerprint)
      throw new OplogError("BAD_INPUT", "The interrupted restore on the target is another one: its log, --to, filters or renames differ", {
        hint: "Give the same options as then (for now: the moment that it was), or run restore without --resume and with --force.",
      });
    const { _id, ...state } = found;
    this.state = state;
    return true;
  }

  get phase(): RestoreState["phase"] {
    return this.state?.phase ?? "loading";
  }

  get ttl(): readonly TtlSetting[] {
    return this.state?.ttl ?? [];
  }

  async rememberTtl(setting: TtlSetting): Promise<void> {
    if (this.ttl.some(({ host }) => host === setting.host)) return;
    this.state!.ttl.push(setting);
    await this.states.updateOne({ _id: ID }, { $set: { ttl: this.state!.ttl } }, { writeConcern: DURABLE });
  }

  async forgetTtl(): Promise<void> {
    this.state!.ttl.length = 0;
    await this.states.updateOne({ _id: ID }, { $set: { ttl: [] } }, { writeConcern: DURABLE });
  }

  async enter(phase: RestoreState["phase"]): Promise<void> {
    this.state!.phase = phase;
    await this.states.updateOne({ _id: ID }, { $set: { phase } }, { writeConcern: DURABLE });
  }

  /**
   * First waits until the documents are on a majority, then says so. In two steps: a mark that lands on another primary than they did would claim
   * documents that this one never had.
   */
  async loaded(uuid: string): Promise<void> {
    await this.update({ $set: { at: new Date() } });
    await this.update({ $addToSet: { loaded: uuid } });
    this.state!.loaded.push(uuid);
  }

  /** The restore is done: nothing of it stays on the target, nor of the marks of its apply, whose end may have been interrupted. */
  async end(): Promise<void> {
    await this.db.dropDatabase({ writeConcern: DURABLE });
  }

  /** As a command, because its reply says which primary answered. */
  private async update(u: Document): Promise<void> {
    const reply = await this.db.command({ update: COLLECTION, updates: [{ q: { _id: ID }, u }], writeConcern: DURABLE });
    if (reply.writeConcernError) throw new TargetChanged(`the target did not confirm a mark: ${reply.writeConcernError.errmsg}`);
    this.term.check(reply);
  }
}
