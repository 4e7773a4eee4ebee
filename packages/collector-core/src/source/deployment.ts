import { BSON, type MongoClient, type Timestamp } from "mongodb";
import type { ClusterTime } from "../cluster-time.js";
import { OplogError } from "../errors.js";
import type { SourceIdentity } from "../segment.js";
import { codeOf } from "./classify-error.js";
import type { OplogWindow } from "./source.js";

/** Before 6.0 a change stream does not show what DDL did (`showExpandedEvents`), so the log could not be restored exactly. */
const OLDEST_MAJOR = 6;

interface Hello {
  setName?: string;
  msg?: string;
  hosts?: string[];
  lastWrite?: { majorityOpTime?: { ts: Timestamp }; opTime?: { ts: Timestamp } };
  topologyVersion?: { processId: { toHexString(): string } };
  operationTime?: Timestamp;
}

const hello = (client: MongoClient): Promise<Hello> => client.db("admin").command({ hello: 1 }) as Promise<Hello>;

/** Who answers behind the URI, refused when it can't be captured. */
export async function identifyDeployment(client: MongoClient, database: string | null): Promise<SourceIdentity> {
  // First, and alone: of two commands on a client that can't connect one gets the reason, the other only "topology is closed".
  await client.connect();
  const [greeting, build] = await Promise.all([hello(client), client.db("admin").command({ buildInfo: 1 })]);
  const version = String(build.version);
  const sharded = greeting.msg === "isdbgrid";
  checkCapturable({ version, sharded, setName: greeting.setName ?? null });
  return { replicaSetId: await replicaSetId(client, sharded), setName: greeting.setName ?? null, sharded, version, database };
}

/** Throws `SOURCE_UNSUITABLE` for a deployment without an oplog or of a version whose change streams leave too much out. */
export function checkCapturable({ version, sharded, setName }: Pick<SourceIdentity, "version" | "sharded" | "setName">): void {
  if (!sharded && !setName)
    throw new OplogError(
      "SOURCE_UNSUITABLE",
      `The source (MongoDB ${version}) is a standalone server; only replica sets and sharded clusters keep an oplog`,
      {
        hint: "Start mongod with --replSet and run rs.initiate() once, even for a single node.",
      },
    );
  if (Number.parseInt(version, 10) < OLDEST_MAJOR)
    throw new OplogError("SOURCE_UNSUITABLE", `The source runs MongoDB ${version}; capture needs ${OLDEST_MAJOR}.0 or newer`, {
      hint: "Upgrade the source.",
    });
}

/** The id that tells this deployment from any other; null when our user may not read it. */
async function replicaSetId(client: MongoClient, sharded: boolean): Promise<string | null> {
  try {
    if (sharded) {
      const version = await client.db("config").collection("version").findOne({});
      return version?.clusterId ? String(version.clusterId) : null;
    }
    const { config } = await client.db("admin").command({ replSetGetConfig: 1 });
    return config?.settings?.replicaSetId ? String(config.settings.replicaSetId) : null;
  } catch (error) {
    if (codeOf(error) === UNAUTHORIZED) return null;
    throw error;
  }
}

const UNAUTHORIZED = 13;

/** The `topologyVersion.processId` of the server that answers for the deployment: equal ids are one process. */
export async function processIds(client: MongoClient): Promise<string[]> {
  const id = (await hello(client)).topologyVersion?.processId;
  return id ? [id.toHexString()] : [];
}

/** The newest cluster time that a majority has. */
export async function newestClusterTime(client: MongoClient): Promise<ClusterTime> {
  const { lastWrite, operationTime } = await hello(client);
  const newest = lastWrite?.majorityOpTime?.ts ?? operationTime;
  return newest ? newest.toBigInt() : 0n;
}

/** The first cluster time that the oplog still holds. */
export async function oldestClusterTime(client: MongoClient): Promise<ClusterTime> {
  const first = await client
    .db("local")
    .collection("oplog.rs")
    .findOne({}, { sort: { $natural: 1 }, projection: { ts: 1 }, raw: true });
  const ts = first && (BSON.deserialize(first as unknown as Uint8Array) as { ts?: Timestamp }).ts;
  if (!ts) throw new OplogError("SOURCE_UNSUITABLE", "The source's oplog is empty");
  return ts.toBigInt();
}

async function oplogSize(client: MongoClient): Promise<{ bytes: number; maxBytes: number } | undefined> {
  try {
    const { size, maxSize } = await client.db("local").command({ collStats: "oplog.rs" });
    return { bytes: Number(size), maxBytes: Number(maxSize) };
  } catch (error) {
    if (codeOf(error) === UNAUTHORIZED) return undefined;
    throw error;
  }
}

export async function readOplogWindow(client: MongoClient, sharded: boolean): Promise<OplogWindow> {
  if (sharded) return { unknown: "a sharded cluster has one oplog for each shard, which are not readable through mongos" };
  try {
    const [oldest, newest, size] = await Promise.all([oldestClusterTime(client), newestClusterTime(client), oplogSize(client)]);
    return { oldest, newest, ...(size && { size }) };
  } catch (error) {
    if (codeOf(error) === UNAUTHORIZED) return { unknown: "our user may not read local.oplog.rs; grant it clusterMonitor" };
    throw error;
  }
}

/** What one of several sources with one client has asked just now, the others need not ask again. A collector alone asks less often than this. */
const WINDOW_GOOD_MS = 2_000;

const windows = new WeakMap<MongoClient, { askedAt: number; window: Promise<OplogWindow> }>();

/** As `readOplogWindow`, or what it was a moment ago. */
export function recentOplogWindow(client: MongoClient, sharded: boolean): Promise<OplogWindow> {
  const known = windows.get(client);
  const now = performance.now();
  if (known && now - known.askedAt < WINDOW_GOOD_MS) return known.window;
  const window = readOplogWindow(client, sharded);
  windows.set(client, { askedAt: now, window });
  window.catch(() => windows.delete(client)); // each that asks then finds out for itself
  return window;
}
