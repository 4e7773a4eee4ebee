import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  ChangeStreamSource,
  type Clock,
  type ClusterTime,
  Collector,
  DEFAULT_SEGMENT_LIMITS,
  openStore,
  type Source,
  type Store,
  type StoreLocation,
  systemClock,
} from "@oplog-collector/collector-core";
import { MongoClient } from "mongodb";
import { waitFor } from "../../../../scripts/wait-for.mjs";
import { coveredTo } from "../snapshot/wait-for-coverage.js";

/**
 * An idle source's checkpoints come every 10 s: too long to wait for in a test. The patience of a collector that stops is left as it is, and so is
 * what comes every few minutes.
 */
const hasty = (stop: AbortSignal): Clock => ({
  ...systemClock,
  sleep: (ms, signal) => systemClock.sleep(stop.aborted || ms > 60_000 ? ms : Math.min(ms, 100), signal),
});

export interface RecordingOptions {
  capture?: Source;
  segmentEvents?: number;
  /** Opens the place for the log in a directory. */
  openIn?: (directory: string) => StoreLocation | Promise<StoreLocation>;
}

/** A collector that records a source into a directory of its own, for as long as a test runs. */
export class RecordedLog implements AsyncDisposable {
  private constructor(
    readonly name: string,
    readonly directory: string,
    readonly location: StoreLocation,
    readonly log: Store,
    private readonly source: string,
    private readonly stop: AbortController,
    private readonly collecting: Promise<void>,
    private readonly collector: Collector,
  ) {}

  /** `capture` opens the source; exact change events unless told. Small segments make more of their boundaries. */
  static async of(
    source: string,
    name = "test",
    {
      capture = new ChangeStreamSource({ uri: source }),
      segmentEvents = DEFAULT_SEGMENT_LIMITS.events,
      openIn = (directory) => openStore(`file://${directory}`),
    }: RecordingOptions = {},
  ): Promise<RecordedLog> {
    const directory = await mkdtemp(join(tmpdir(), "oplog-restore-"));
    const location = await openIn(directory);
    const log = await location.log(name);
    const stop = new AbortController();
    const collector = new Collector({
      name,
      source: capture,
      store: log,
      limits: { ageMs: 100, events: segmentEvents },
      clock: hasty(stop.signal),
    });
    const collecting = collector.run(stop.signal);
    collecting.catch(() => {}); // thrown at the end
    await waitFor("the log to begin", async () => (await coveredTo(log)) > 0n);
    return new RecordedLog(name, directory, location, log, source, stop, collecting, collector);
  }

  get store(): string {
    return `file://${this.directory}`;
  }

  /** Waits until everything that has happened on the source is covered; answers with its time. */
  async caughtUp(): Promise<ClusterTime> {
    const client = new MongoClient(this.source);
    try {
      const { operationTime } = await client.db("admin").command({ appendOplogNote: 1, data: { caughtUp: 1 } });
      const time: ClusterTime = operationTime.toBigInt();
      // An event of the note's own time might still come: the next one shows that none did.
      await client.db("admin").command({ appendOplogNote: 1, data: { caughtUp: 2 } });
      const failed = this.collecting.then(() => new Promise<never>(() => {}));
      const covered = waitFor("the log to catch up", async () => (await coveredTo(this.log)) >= time);
      await Promise.race([failed, covered]).catch((error: Error) => {
        const { state, error: told } = this.collector.status;
        throw new Error(`${error.message}; the collector of ${this.name} is ${state}: ${told?.message ?? "no error"}`, { cause: error });
      });
      return time;
    } finally {
      await client.close();
    }
  }

  /** Ends the collector and keeps the log. */
  async end(): Promise<void> {
    this.stop.abort();
    await this.collecting;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.end();
    } finally {
      await this.location.close();
      // A last checkpoint may still be on its way.
      await rm(this.directory, { recursive: true, force: true, maxRetries: 5 });
    }
  }
}
