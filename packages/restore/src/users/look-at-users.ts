import {
  type ClusterTime,
  checkSameSource,
  decodeHeader,
  documentsIn,
  identifyDeployment,
  makeClient,
  OplogError,
  type SourceIdentity,
  type StoreLocation,
} from "@oplog-collector/collector-core";
import { type ClientSession, type Db, type MongoClient, Timestamp } from "mongodb";
import { readRawCursor } from "../snapshot/raw-cursor.js";
import { settledTime } from "../snapshot/read-collection.js";
import { type RecordedUsers, recordUsers } from "./users-log.js";

export interface LookAtUsersOptions {
  /** URI of the source. */
  source: string;
  location: StoreLocation;
  /** The log that records this source. */
  log: string;
}

export interface LookedAtUsers {
  at: ClusterTime;
  users: number;
  roles: number;
  /** They are not what was recorded last, and were recorded. */
  changed: boolean;
}

/**
 * Keeps users and roles as they are now, for restores of a log that does not show their changes: of a change stream that may not read the oplog.
 * Cheap enough for every few minutes.
 */
export async function lookAtUsers({ source, location, log }: LookAtUsersOptions): Promise<LookedAtUsers> {
  const client = makeClient(source, "source", { maxPoolSize: 2 });
  try {
    const recorded = await sourceOf(location, log);
    const deployment = await identifyDeployment(client, recorded?.database ?? null);
    if (recorded) checkSameSource(recorded, deployment);
    const found = await readUsers(client, await settledTime(client, deployment.sharded));
    return { at: found.at, users: found.users.length, roles: found.roles.length, changed: await recordUsers(location, log, found) };
  } finally {
    await client.close();
  }
}

/** What the log records; null when it does not say. Throws `OUTSIDE_COVERAGE` for an empty one. */
async function sourceOf(location: StoreLocation, name: string): Promise<SourceIdentity | null> {
  const log = await location.log(name);
  try {
    for await (const { header } of log.headers({ reverse: true })) return decodeHeader(header).source ?? null;
  } finally {
    await log.close();
  }
  throw new OplogError("OUTSIDE_COVERAGE", "The log is empty: users and roles are of use only together with the log of their source", {
    hint: "Start `oplog collect` with the same --store and --name first.",
  });
}

async function readUsers(client: MongoClient, at: ClusterTime): Promise<RecordedUsers> {
  const session = client.startSession({ causalConsistency: false });
  const db = client.db("admin");
  try {
    return { at, users: await allOf(db, "system.users", at, session), roles: await allOf(db, "system.roles", at, session) };
  } finally {
    await session.endSession();
  }
}

/** In the order of `_id`, so that what is equal has equal bytes. */
async function allOf(db: Db, name: string, at: ClusterTime, session: ClientSession): Promise<Buffer[]> {
  const documents: Buffer[] = [];
  const readConcern = { level: "snapshot", atClusterTime: new Timestamp(at) };
  for await (const { payload } of readRawCursor(db, { find: name, sort: { _id: 1 }, readConcern }, session))
    documents.push(...documentsIn(payload));
  return documents;
}
