import { describeError, OplogError, redactUri, type StatusError } from "@oplog-collector/collector-core";
import { type AnyBulkWriteOperation, type Collection, type Db, MongoServerError, ObjectId } from "mongodb";
import { type Cluster, type ClusterStatus, type Desired, HALTED, type TaskKind } from "./cluster.js";
import type { LogSummary } from "./log-summary.js";
import type { Registration } from "./registration.js";
import type { SecretBox } from "./secrets.js";

/** As it stands in `source_clusters_info`: the two URIs encrypted. */
interface StoredCluster extends Omit<Cluster, "id" | "redacted" | "locked"> {
  _id: ObjectId;
}

interface OpenedUri {
  uri: string;
  redacted: string;
  problem: StatusError | null;
}

/** What came of encrypting with the newest key all that was encrypted with older ones. */
export interface KeyRotation {
  /** How many clusters were encrypted with an older one. */
  rotated: number;
  /** The names of those that none of our keys opens: they stay as they are. */
  locked: string[];
}

const DUPLICATE_KEY = 11000;

/** Settings that the collector itself works with: it is started again when one of them changes. */
const OF_THE_COLLECTOR: readonly (keyof Registration)[] = ["connectionString", "storeUri", "database", "capture", "rpoMs", "maxRetries"];

/** The registrations, in `source_clusters_info` of the metadata database. */
export class Registry {
  private readonly clusters: Collection<StoredCluster>;
  /** By ciphertext: the clusters are listed each second, and their secrets hardly ever change. */
  private opened = new Map<string, OpenedUri>();

  constructor(
    db: Db,
    private readonly secrets: SecretBox,
  ) {
    this.clusters = db.collection<StoredCluster>("source_clusters_info");
  }

  /** Throws when none of the stored secrets can be read: then the key is the wrong one, and nothing would run. */
  async prepare(): Promise<void> {
    await this.clusters.createIndex({ name: 1 }, { unique: true });
    const clusters = await this.list();
    const locked = clusters.find((cluster) => cluster.locked)?.locked;
    if (locked && clusters.every((cluster) => cluster.locked)) throw new OplogError("BAD_INPUT", locked.message, { hint: locked.hint });
  }

  async list(): Promise<Cluster[]> {
    const stored = await this.clusters.find().sort({ name: 1 }).toArray();
    const known = new Set(stored.flatMap(({ connectionString, storeUri }) => [connectionString, storeUri]));
    for (const sealed of this.opened.keys()) if (!known.has(sealed)) this.opened.delete(sealed);
    return stored.map((cluster) => this.open(cluster));
  }

  /** By its id or its name. */
  async get(id: string): Promise<Cluster> {
    const byId = /^[0-9a-f]{24}$/i.test(id) ? await this.clusters.findOne({ _id: new ObjectId(id) }) : null;
    const stored = byId ?? (await this.clusters.findOne({ name: id }));
    if (!stored) throw noSuchCluster(id);
    return this.open(stored);
  }

  async add(registration: Registration): Promise<Cluster> {
    const now = new Date();
    const desired: Desired = registration.autoStart ? "running" : "stopped";
    const stored: StoredCluster = {
      ...registration,
      _id: new ObjectId(),
      connectionString: this.secrets.encrypt(registration.connectionString),
      storeUri: this.secrets.encrypt(registration.storeUri),
      ...{ desired, generation: 1, task: null, acceptGap: false, log: null, createdAt: now, updatedAt: now },
      status: { ...NOT_RUN, at: now },
    };
    try {
      await this.clusters.insertOne(stored, MAJORITY);
    } catch (error) {
      if (error instanceof MongoServerError && error.code === DUPLICATE_KEY)
        throw new OplogError("CONFLICT", `A cluster named ${registration.name} is registered already`, {
          hint: "Choose another name, or change that cluster.",
        });
      throw error;
    }
    return this.open(stored);
  }

  async change(id: string, change: Partial<Registration>): Promise<Cluster> {
    const { connectionString, storeUri, ...plain } = change;
    const set = {
      ...plain,
      ...(connectionString !== undefined && { connectionString: this.secrets.encrypt(connectionString) }),
      ...(storeUri !== undefined && { storeUri: this.secrets.encrypt(storeUri) }),
    };
    return this.update(id, set, { newWish: OF_THE_COLLECTOR.some((setting) => change[setting] !== undefined) });
  }

  /** States a wish; the node that owns the cluster acts on it. */
  async want(id: string, desired: Desired, { acceptGap = false }: { acceptGap?: boolean } = {}): Promise<Cluster> {
    return this.update(id, { desired, acceptGap });
  }

  async wantTask(id: string, kind: TaskKind): Promise<Cluster> {
    const task = { kind, generation: { $add: ["$generation", 1] } };
    return this.update(
      id,
      kind === "reset" ? { task, desired: "running", acceptGap: false, startFrom: "now" } : { task, desired: "stopped" },
    );
  }

  /** What owners say; the word of one who has lost the lease meanwhile is dropped. */
  async report(statuses: ReadonlyMap<string, ClusterStatus>): Promise<void> {
    const writes: AnyBulkWriteOperation<StoredCluster>[] = [...statuses].map(([id, status]) => ({
      updateOne: { filter: { _id: new ObjectId(id), "status.fence": { $lte: status.fence } }, update: { $set: { status } } },
    }));
    if (writes.length > 0) await this.clusters.bulkWrite(writes, { ordered: false });
  }

  async summarize(id: string, log: LogSummary): Promise<void> {
    await this.clusters.updateOne({ _id: new ObjectId(id) }, { $set: { log } });
  }

  /** Something else than its collector wrote to its log: its owner is to look at it again. */
  async logChanged(id: string): Promise<void> {
    await this.clusters.updateOne({ _id: new ObjectId(id) }, { $currentDate: { logChangedAt: true } });
  }

  /** The gap was stored: once is enough. */
  async gapAccepted(id: string, generation: number): Promise<void> {
    await this.clusters.updateOne({ _id: new ObjectId(id), generation }, { $set: { acceptGap: false } }, MAJORITY);
  }

  /** The log was wiped: what was known of it is no longer true. */
  async resetDone(id: string, task: number): Promise<void> {
    await this.clusters.updateOne({ _id: new ObjectId(id), "task.generation": task }, { $set: { task: null, log: null } }, MAJORITY);
  }

  async has(id: string): Promise<boolean> {
    return (await this.clusters.findOne({ _id: new ObjectId(id) }, { projection: { _id: 1 } })) !== null;
  }

  async remove(id: string): Promise<void> {
    await this.clusters.deleteOne({ _id: new ObjectId(id) }, MAJORITY);
  }

  /** What ended in an error is tried again, as a server that starts promises; but not where history is lost: that needs a decision. */
  async retryHalted(): Promise<void> {
    const state = { $in: HALTED.filter((halted) => halted !== "error_resume_token_lost") };
    const unchanged = { $expr: { $eq: ["$status.generation", "$generation"] } };
    await this.clusters.updateMany({ desired: "running", "status.state": state, ...unchanged }, { $inc: { generation: 1 } }, MAJORITY);
  }

  /** Encrypts with the newest key what is encrypted with an older one. Ended in the middle it has done a part, and can be done again. */
  async rotateKey(): Promise<KeyRotation> {
    const rotated = new Set<string>();
    for (;;) {
      const locked: string[] = [];
      let changedMeanwhile = false;
      for await (const { _id, name, connectionString, storeUri } of this.clusters.find().sort({ name: 1 })) {
        const old = [connectionString, storeUri].filter((sealed) => this.secrets.isOld(sealed));
        if (old.length === 0) continue;
        if (old.some((sealed) => this.openUri(sealed).problem)) {
          locked.push(name);
          continue;
        }
        const again = (sealed: string) => (this.secrets.isOld(sealed) ? this.secrets.encrypt(this.secrets.decrypt(sealed)) : sealed);
        // Only if nobody has changed them meanwhile.
        const { modifiedCount } = await this.clusters.updateOne(
          { _id, connectionString, storeUri },
          { $set: { connectionString: again(connectionString), storeUri: again(storeUri) } },
          MAJORITY,
        );
        if (modifiedCount === 1) rotated.add(name);
        else changedMeanwhile = true;
      }
      if (!changedMeanwhile) return { rotated: rotated.size, locked };
    }
  }

  private async update(id: string, set: Record<string, unknown>, { newWish = true } = {}): Promise<Cluster> {
    const cluster = await this.get(id);
    // What users give is data, even where it looks like an expression; tasks are ours, and are one.
    const literal = ([key, value]: [string, unknown]) => [key, key === "task" ? value : { $literal: value }];
    const change = {
      ...Object.fromEntries(Object.entries(set).map(literal)),
      updatedAt: "$$NOW",
      ...(newWish && { generation: { $add: ["$generation", 1] } }),
    };
    const stored = await this.clusters.findOneAndUpdate({ _id: new ObjectId(cluster.id) }, [{ $set: change }], {
      returnDocument: "after",
      ...MAJORITY,
    });
    if (!stored) throw noSuchCluster(id);
    return this.open(stored);
  }

  private open({ _id, connectionString, storeUri, ...rest }: StoredCluster): Cluster {
    const [source, store] = [this.openUri(connectionString), this.openUri(storeUri)];
    return {
      ...rest,
      id: _id.toHexString(),
      connectionString: source.uri,
      storeUri: store.uri,
      redacted: { connectionString: source.redacted, storeUri: store.redacted },
      locked: source.problem ?? store.problem,
    };
  }

  private openUri(sealed: string): OpenedUri {
    let opened = this.opened.get(sealed);
    if (!opened) {
      try {
        const uri = this.secrets.decrypt(sealed);
        opened = { uri, redacted: redactUri(uri), problem: null };
      } catch (error) {
        opened = { uri: "", redacted: "(can't be decrypted)", problem: describeError(error) };
      }
      this.opened.set(sealed, opened);
    }
    return opened;
  }
}

const noSuchCluster = (id: string) => new OplogError("NOT_FOUND", `There is no cluster ${JSON.stringify(id.slice(0, 100))}`);

const MAJORITY = { writeConcern: { w: "majority" as const } };

const NOT_RUN: ClusterStatus = {
  ...{ state: "stopped", generation: 0, fence: 0, pid: null, node: null, report: null, error: null, restarts: 0 },
  ...{ eventsPerSecond: null, bytesPerSecond: null, at: new Date(0) },
};
