import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describeError, OplogError } from "@oplog-collector/collector-core";
import type { ClusterView, Manager } from "@oplog-collector/manager";
import type { Logger } from "pino";
import { findMongod } from "../../../scripts/mongod.mjs";
import { startReplicaSet } from "../../../scripts/replica-set.mjs";
import { SampleShop } from "./sample-shop.js";

/** What it is registered as. */
const NAME = "sample";

/** The sample is small, and must not crowd what runs beside it. */
const CACHE_GB = 0.25;
const OPLOG_MB = 128;

/** Soon enough to have one while the first look is still on. */
const SNAPSHOT_HOURS = 1;

interface Running {
  uri: string;
  stop(): Promise<void>;
}

/** A MongoDB of our own on 127.0.0.1 with a shop that sells all the time, registered as a cluster: something to try everything with. */
export class SampleCluster {
  private running: Promise<Running> | null = null;
  private readonly folder: string;
  private unsubscribe: () => void = () => {};
  private id: string | null = null;

  constructor(
    dataDir: string,
    private readonly manager: Manager,
    private readonly logger: Logger,
  ) {
    this.folder = join(dataDir, "sample");
  }

  /** Goes on after a restart of the server, when it is registered still. */
  async resume(): Promise<void> {
    this.unsubscribe = this.manager.subscribe((event) => {
      if (event.kind === "cluster-removed" && event.id === this.id) void this.remove();
    });
    if (!existsSync(this.folder)) return;
    const registered = await this.registered();
    if (registered)
      void this.run().catch((error) => this.logger.warn({ ...describeError(error) }, "the sample cluster did not start again"));
  }

  /** Starts and registers it; when it is already, says so. */
  readonly start = async (): Promise<ClusterView> => {
    const { uri } = await this.run();
    return (await this.registered()) ?? this.register(uri);
  };

  async stop(): Promise<void> {
    this.unsubscribe();
    const running = this.running;
    this.running = null;
    await (await running?.catch(() => null))?.stop();
  }

  private async register(uri: string): Promise<ClusterView> {
    const storeUri = pathToFileURL(join(this.folder, "store")).href;
    const cluster = await this.manager.register({ name: NAME, connectionString: uri, storeUri, snapshotEveryHours: SNAPSHOT_HOURS });
    this.id = cluster.id;
    return cluster;
  }

  /** Null when there is none, or one of the user's own has that name. */
  private async registered(): Promise<ClusterView | null> {
    // By its name: right after the start of the server, the list of what is known may be empty still.
    const found = await this.manager.get(NAME).catch((error: unknown) => {
      if (error instanceof OplogError && error.code === "NOT_FOUND") return null;
      throw error;
    });
    if (!found?.storeUri.includes(encodeURI(this.folder))) return null;
    this.id = found.id;
    return found;
  }

  private run(): Promise<Running> {
    this.running ??= this.open().catch((error) => {
      this.running = null;
      throw error;
    });
    return this.running;
  }

  private async open(): Promise<Running> {
    const log = (line: string) => this.logger.info(line);
    const { path } = await findMongod({ log });
    const set = await startReplicaSet({
      name: "sample",
      dir: join(this.folder, "source"),
      mongod: path,
      cacheGB: CACHE_GB,
      oplogSizeMB: OPLOG_MB,
      log,
    });
    const shop = new SampleShop(set.uri, (error) => this.logger.warn({ ...describeError(error) }, "the sample shop could not write"));
    shop.open();
    return {
      uri: set.uri,
      stop: async () => {
        await shop.close();
        await set.stop();
      },
    };
  }

  private async remove(): Promise<void> {
    const running = this.running;
    this.running = this.id = null;
    await (await running?.catch(() => null))?.stop();
    await rm(this.folder, { recursive: true, force: true });
  }
}
