import { OplogError } from "@oplog-collector/collector-core";
import type { Collection, MongoClient } from "mongodb";
import { PROGRESS_DATABASE } from "../routing.js";

/** How far a restore is: kept on the target, beside the user databases, so that it is there for whoever goes on. */
export interface RestoreState {
  /** What is restored: another restore must not go on with it. */
  fingerprint: string;
  /** The snapshot in use: a newer one may have been taken since. */
  snapshot: string;
  phase: "loading" | "evening" | "building indexes" | "applying";
  /** UUIDs of the collections whose documents are all there. */
  loaded: string[];
}

interface StoredState extends RestoreState {
  _id: "restore";
}

const COLLECTION = "restores";
const MAJORITY = { writeConcern: { w: "majority" as const } };

export class RestoreProgress {
  private readonly states: Collection<StoredState>;
  private state: RestoreState | null = null;

  constructor(client: MongoClient) {
    this.states = client.db(PROGRESS_DATABASE).collection(COLLECTION);
  }

  async find(): Promise<RestoreState | null> {
    return this.states.findOne({ _id: "restore" });
  }

  async begin(state: RestoreState): Promise<void> {
    this.state = state;
    await this.states.replaceOne({ _id: "restore" }, state, { upsert: true, ...MAJORITY });
  }

  /** The state to go on from; throws when there is none, or it is of another restore. */
  async resume(fingerprint: string): Promise<RestoreState> {
    const found = await this.find();
    if (!found)
      throw new OplogError("BAD_INPUT", "There is no interrupted restore on the target", { hint: "Run restore without --resume." });
    if (found.fingerprint !== fingerprint)
      throw new OplogError("BAD_INPUT", "The interrupted restore on the target is another one: its log, --to, filters or renames differ", {
        hint: "Give the same options as then, or run restore without --resume and with --force.",
      });
    this.state = { fingerprint: found.fingerprint, snapshot: found.snapshot, phase: found.phase, loaded: found.loaded };
    return this.state;
  }

  async enter(phase: RestoreState["phase"]): Promise<void> {
    this.state!.phase = phase;
    await this.states.updateOne({ _id: "restore" }, { $set: { phase } }, MAJORITY);
  }

  async loaded(uuid: string): Promise<void> {
    await this.states.updateOne({ _id: "restore" }, { $addToSet: { loaded: uuid } }, MAJORITY);
  }

  /** The restore is done: nothing of it stays on the target. */
  async end(): Promise<void> {
    await this.states.drop();
  }
}
