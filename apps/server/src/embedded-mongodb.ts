import { join } from "node:path";
import { OplogError } from "@oplog-collector/collector-core";
import { findMongod } from "../../../scripts/mongod.mjs";
import { PortTaken } from "../../../scripts/mongod-process.mjs";
import { startReplicaSet } from "../../../scripts/replica-set.mjs";

/** Registrations, leases and jobs are small. */
const CACHE_GB = 0.25;
const OPLOG_MB = 64;

/** After kill -9 of a server its mongod is ended at once, but a busy machine takes a moment to give its port back. */
const TRIES = 3;
const BETWEEN_TRIES_MS = 1_000;

export interface EmbeddedMongodb {
  uri: string;
  stop(): Promise<void>;
}

/** The metadata database of a server for which none was configured: a one-member replica set on 127.0.0.1 whose data stays under `dataDir`. */
export async function startEmbeddedMongodb(dataDir: string, log: (line: string) => void): Promise<EmbeddedMongodb> {
  const dir = join(dataDir, "mongodb");
  for (let attempt = 1; ; attempt++) {
    try {
      return await start(dir, log);
    } catch (error) {
      log(`The embedded MongoDB did not start: ${error instanceof Error ? error.message : error}`);
      if (!(error instanceof PortTaken)) throw notStarted(dir, error);
      if (attempt === TRIES) throw inUse(dir, error);
      await new Promise((resolve) => setTimeout(resolve, BETWEEN_TRIES_MS));
    }
  }
}

async function start(dir: string, log: (line: string) => void): Promise<EmbeddedMongodb> {
  const { path } = await findMongod({ log });
  const set = await startReplicaSet({ name: "oplog-metadata", dir, mongod: path, cacheGB: CACHE_GB, oplogSizeMB: OPLOG_MB, log });
  return { uri: set.uri.replace("/?", "/oplog_collector?"), stop: () => set.stop() };
}

const inUse = (dir: string, cause: unknown) =>
  new OplogError("CONFLICT", `The embedded MongoDB in ${dir} can't be started: another server uses it, or another program its port`, {
    cause,
    hint: "End the other one, or give this server a folder of its own (DATA_DIR) or a metadata database (CENTRAL_METADATA_DB_URI).",
  });

const notStarted = (dir: string, cause: unknown) =>
  new OplogError("UNREACHABLE", `The embedded MongoDB in ${dir} did not start`, {
    cause,
    hint: "The end of app.log says why. CENTRAL_METADATA_DB_URI names a metadata database of your own instead.",
  });
