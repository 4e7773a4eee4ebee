import { randomBytes } from "node:crypto";
import { MongoClient } from "mongodb";
import { startReplicaSet } from "../../../../scripts/replica-set.mjs";
import { waitFor } from "../../../../scripts/wait-for.mjs";
import type { ClusterTime } from "../cluster-time.js";
import { newestClusterTime, oldestClusterTime } from "../source/deployment.js";

const OPLOG_MB = 4;

/** A source that forgets within seconds: its oplog is small, and cut each second. (The server cuts it at checkpoints only, 60 s apart.) */
export class SmallOplog {
  private constructor(
    readonly set: Awaited<ReturnType<typeof startReplicaSet>>,
    readonly client: MongoClient,
  ) {}

  static async start(): Promise<SmallOplog> {
    const set = await startReplicaSet({ name: "small", oplogSizeMB: OPLOG_MB, args: ["--syncdelay", "1"] });
    return new SmallOplog(set, new MongoClient(set.uri));
  }

  get uri(): string {
    return this.set.uri;
  }

  oldest(): Promise<ClusterTime> {
    return oldestClusterTime(this.client);
  }

  newest(): Promise<ClusterTime> {
    return newestClusterTime(this.client);
  }

  /** Writes that many MiB into another database. */
  async noise(mib: number): Promise<void> {
    for (let written = 0; written < mib; written += 0.5)
      await this.client
        .db("noise")
        .collection("noise")
        .insertMany(Array.from({ length: 50 }, () => ({ blob: randomBytes(10 * 1024) })));
  }

  /** Writes until the oplog no longer holds that time. */
  async forget(time: ClusterTime): Promise<void> {
    await waitFor(
      "the oplog to be cut",
      async () => {
        await this.noise(OPLOG_MB / 2);
        return (await this.oldest()) > time;
      },
      { everyMs: 300, timeoutMs: 120_000 },
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.close();
    await this.set.stop();
  }
}
