import { join } from "node:path";
import { findMongod } from "../../../scripts/mongod.mjs";
import { startReplicaSet } from "../../../scripts/replica-set.mjs";

/** Registrations, leases and jobs are small. */
const CACHE_GB = 0.25;
const OPLOG_MB = 64;

/** The metadata database of a server for which none was configured: a one-member replica set on 127.0.0.1 whose data stays under `dataDir`. */
export async function startEmbeddedMongodb(dataDir: string, log: (line: string) => void): Promise<{ uri: string; stop(): Promise<void> }> {
  const { path } = await findMongod({ log });
  const set = await startReplicaSet({
    name: "oplog-metadata",
    dir: join(dataDir, "mongodb"),
    mongod: path,
    cacheGB: CACHE_GB,
    oplogSizeMB: OPLOG_MB,
    log,
  });
  return { uri: set.uri.replace("/?", "/oplog_collector?"), stop: () => set.stop() };
}
