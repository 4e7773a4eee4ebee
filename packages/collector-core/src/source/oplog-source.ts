import type { MongoClient } from "mongodb";
import type { ClusterTime } from "../cluster-time.js";
import { OplogError } from "../errors.js";
import type { SourceIdentity } from "../segment.js";
import { identifyDeployment, newestClusterTime, processIds, recentOplogWindow } from "./deployment.js";
import { findStart } from "./oplog-start.js";
import { OplogStream } from "./oplog-stream.js";
import type { EventStream, OplogWindow, Source, StartPoint } from "./source.js";
import { type ConnectSource, ownClient, type SourceClient } from "./source-client.js";

export interface OplogSourceOptions {
  uri: string;
  /** @default a client of its own */
  connect?: ConnectSource;
}

/**
 * Captures by tailing `local.oplog.rs`: the fastest way, and the only one that shows everything (users and roles, atomic `applyOps`). Needs a
 * replica set and the right to read `local`; always captures the whole deployment.
 */
export class OplogSource implements Source {
  readonly format = "oplog-entry";
  private readonly connection: SourceClient;
  private readonly client: MongoClient;

  constructor({ uri, connect = ownClient }: OplogSourceOptions) {
    this.connection = connect(uri);
    this.client = this.connection.client;
  }

  async identify(): Promise<SourceIdentity> {
    const identity = await identifyDeployment(this.client, null);
    if (identity.sharded)
      throw new OplogError("SOURCE_UNSUITABLE", "A sharded cluster has an oplog for each shard, which mongos does not show", {
        hint: "Use --capture change-stream.",
      });
    return { ...identity, format: this.format };
  }

  async open(start: StartPoint, signal: AbortSignal): Promise<EventStream> {
    if (start.kind === "after" && !start.position.token) return OplogStream.open(this.client, start.position, start.coveredTo, signal);
    // A new log that begins at a change stream's token begins where all is known to be complete before it.
    const position = await findStart(this.client, start.kind === "after" ? { kind: "time", after: start.coveredTo } : start);
    return OplogStream.open(this.client, position, position.clusterTime, signal);
  }

  newest(): Promise<ClusterTime> {
    return newestClusterTime(this.client);
  }

  oplogWindow(): Promise<OplogWindow> {
    return recentOplogWindow(this.client, false);
  }

  processIds(): Promise<string[]> {
    return processIds(this.client);
  }

  close(): Promise<void> {
    return this.connection.close();
  }
}
