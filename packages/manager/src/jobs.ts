import { describeError, OplogError } from "@oplog-collector/collector-core";
import { type Collection, type Db, MongoServerError, ObjectId } from "mongodb";
import { settled } from "./patience.js";

export type JobKind = "snapshot" | "verify" | "restore";
export type JobState = "running" | "done" | "failed" | "cancelled";

/** Work that takes longer than a request: with progress, a result, and a place in the history. Holds no secret. */
export interface Job {
  id: string;
  kind: JobKind;
  cluster: string;
  clusterName: string;
  /** What was asked for, redacted. */
  request: Record<string, unknown>;
  state: JobState;
  progress: Record<string, unknown>;
  result: unknown;
  error: { code: string; message: string; hint?: string } | null;
  node: string;
  startedAt: Date;
  endedAt: Date | null;
}

/** How long the history is kept. */
const HISTORY_SECONDS = 90 * 24 * 3600;

const DUPLICATE_KEY = 11000;

/** Progress is written at most this often. */
const PROGRESS_WRITE_MS = 1_000;

/** What a job's work gets: tells how far it is, and ends when the signal aborts. */
export type JobWork = (progress: (sofar: Record<string, unknown>) => void, signal: AbortSignal) => Promise<unknown>;

/** Runs jobs on this node and keeps all nodes' jobs in `jobs` of the metadata database. */
export class Jobs {
  private readonly jobs: Collection<Omit<Job, "id"> & { _id: ObjectId; cancel?: boolean }>;
  private readonly running = new Map<string, { stop: AbortController; done: Promise<void> }>();

  constructor(
    db: Db,
    private readonly node: string,
    private readonly onChange: (job: Job) => void,
  ) {
    this.jobs = db.collection("jobs");
  }

  async prepare(): Promise<void> {
    await this.jobs.createIndex({ startedAt: 1 }, { expireAfterSeconds: HISTORY_SECONDS });
    await this.jobs.createIndex({ cluster: 1, startedAt: -1 });
    // Two base snapshots of one cluster at a time would write into the same one.
    const one = { state: "running", kind: "snapshot" };
    await this.jobs.createIndex({ cluster: 1, kind: 1 }, { name: "one_snapshot_at_a_time", unique: true, partialFilterExpression: one });
  }

  /** Jobs of nodes that do not live any more can't end by themselves. Who lives is asked after the jobs were read: a node shows itself before its first job. */
  async endOrphans(living: () => Promise<ReadonlySet<string>>): Promise<void> {
    const running = await this.jobs.find({ state: "running" }, { projection: { node: 1 } }).toArray();
    if (running.length === 0) return;
    const nodes = await living();
    for (const { _id, node } of running) {
      if (node === this.node ? this.running.has(_id.toHexString()) : nodes.has(node)) continue;
      const error = {
        code: "INTERRUPTED",
        message: `The server ${node} ended while the job ran`,
        hint: "Start it again; a restore goes on with resume.",
      };
      await this.jobs.updateOne({ _id, state: "running" }, { $set: { state: "failed", error, endedAt: new Date() } });
    }
  }

  async start(kind: JobKind, cluster: { id: string; name: string }, request: Record<string, unknown>, work: JobWork): Promise<Job> {
    const _id = new ObjectId();
    const job: Job = {
      ...{
        id: _id.toHexString(),
        kind,
        cluster: cluster.id,
        clusterName: cluster.name,
        request,
        state: "running",
        progress: {},
        result: null,
      },
      ...{ error: null, node: this.node, startedAt: new Date(), endedAt: null },
    };
    const { id, ...stored } = job;
    const stop = new AbortController();
    // Known before it is written down: else our own look for orphans could take it for one.
    let begun: () => void = () => {};
    this.running.set(id, { stop, done: new Promise((resolve) => (begun = resolve)) });
    try {
      await this.jobs.insertOne({ _id, ...stored });
    } catch (error) {
      this.running.delete(id);
      if (error instanceof MongoServerError && error.code === DUPLICATE_KEY)
        throw new OplogError("CONFLICT", `A base snapshot of ${cluster.name} is being taken already`, {
          hint: "Wait for its job to end, or cancel it.",
        });
      throw error;
    }
    void this.run({ ...job }, work, stop).finally(begun);
    this.onChange(job);
    return job;
  }

  async get(id: string): Promise<Job> {
    const stored = ObjectId.isValid(id) ? await this.jobs.findOne({ _id: new ObjectId(id) }) : null;
    if (!stored) throw new OplogError("NOT_FOUND", `There is no job ${JSON.stringify(id.slice(0, 100))}`);
    return toJob(stored);
  }

  async list(cluster?: string, limit = 100): Promise<Job[]> {
    const found = await this.jobs
      .find(cluster ? { cluster } : {})
      .sort({ startedAt: -1 })
      .limit(limit)
      .toArray();
    return found.map(toJob);
  }

  /** True while a job reads or writes that cluster's log, on whichever node. */
  async isBusy(cluster: string): Promise<boolean> {
    return (await this.jobs.findOne({ cluster, state: "running" }, { projection: { _id: 1 } })) !== null;
  }

  /** Cancels it, on whichever node it runs: that node sees the wish at its next progress. */
  async cancel(id: string): Promise<Job> {
    const job = await this.get(id);
    if (job.state !== "running") throw new OplogError("CONFLICT", `The job has ended already: ${job.state}`);
    await this.jobs.updateOne({ _id: new ObjectId(id) }, { $set: { cancel: true } });
    this.running.get(id)?.stop.abort();
    return job;
  }

  /** Stops what runs here, and waits for it, but not for longer than that: another node then ends it as an orphan. */
  async end(patienceMs: number): Promise<void> {
    for (const { stop } of this.running.values()) stop.abort();
    await settled(Promise.all([...this.running.values()].map(({ done }) => done)), patienceMs);
  }

  private async run(job: Job, work: JobWork, stop: AbortController): Promise<void> {
    const _id = new ObjectId(job.id);
    let givenUp = false;
    const watch = setInterval(() => {
      this.onChange(job);
      void this.jobs
        .findOneAndUpdate({ _id }, { $set: { progress: job.progress } })
        .then((stored) => {
          // Others took us for gone, and whoever asked may have begun it again meanwhile.
          givenUp = stored !== null && stored.state !== "running";
          if (stored?.cancel || givenUp) stop.abort();
        })
        .catch(() => {}); // written again in a second
    }, PROGRESS_WRITE_MS);
    try {
      job.result = await work((progress) => {
        job.progress = progress;
      }, stop.signal);
      job.state = stop.signal.aborted ? "cancelled" : "done";
    } catch (error) {
      job.state = stop.signal.aborted ? "cancelled" : "failed";
      job.error = stop.signal.aborted ? null : describeError(error);
    } finally {
      clearInterval(watch);
      job.endedAt = new Date();
      // What others have said of it stands, unless it came to its end all the same.
      const filter = givenUp && job.state === "cancelled" ? { _id, state: "running" as const } : { _id };
      const { state, result, error, progress, endedAt } = job;
      await this.jobs.updateOne(filter, { $set: { state, result, error, progress, endedAt } }).catch(() => {}); // another node ends it as an orphan
      this.running.delete(job.id);
      this.onChange(job);
    }
  }
}

const toJob = ({ _id, cancel: _, ...job }: Omit<Job, "id"> & { _id: ObjectId; cancel?: boolean }): Job => ({
  id: _id.toHexString(),
  ...job,
});
