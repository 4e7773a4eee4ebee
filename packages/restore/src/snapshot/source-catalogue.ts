import { BSON_TYPE, type ClusterTime, documentsIn, rawElement, rawString, rawValue } from "@oplog-collector/collector-core";
import type { ClientSession, Db, Document, MongoClient } from "mongodb";
import { splitNamespace } from "../operation.js";
import { isServersInAdmin, PROGRESS_DATABASE } from "../routing.js";
import { readRawCursor } from "./raw-cursor.js";

/** A collection as its database lists it. */
export interface ListedCollection {
  name: string;
  uuid: string;
  options: Buffer;
  idIndex: Buffer | null;
}

export interface Listing {
  collections: ListedCollection[];
  /** Everything that the list shows had happened by then. */
  operationTime: ClusterTime;
}

/**
 * Not part of a base snapshot: `local` and `config` belong to the one deployment, and no change stream shows their changes. The last one holds
 * the progress of restores onto this deployment.
 */
const OTHER_DATABASES = new Set(["local", "config", PROGRESS_DATABASE]);

/** Not replicated, so no state of the source that could be restored. */
const NOT_REPLICATED = "system.profile";

/** Whether a collection, or a database, belongs to base snapshots. Users and roles are read on their own. */
export function isInSnapshots(namespace: string): boolean {
  const { db, collection } = splitNamespace(namespace);
  return !OTHER_DATABASES.has(db) && collection !== NOT_REPLICATED && !isServersInAdmin(namespace);
}

const EMPTY_DOCUMENT = Buffer.from([5, 0, 0, 0, 0]);

export async function listDatabases(client: MongoClient, only: string | null): Promise<string[]> {
  if (only !== null) return [only];
  const { databases } = await client.db("admin").command({ listDatabases: 1, nameOnly: true });
  return databases.map(({ name }: { name: string }) => name).filter((name: string) => !OTHER_DATABASES.has(name));
}

/** The collections of a database, without views: those are documents of its `system.views`. */
export async function listCollections(db: Db, session: ClientSession, filter: Document = {}): Promise<Listing> {
  const collections: ListedCollection[] = [];
  let operationTime = 0n;
  for await (const batch of readRawCursor(db, { listCollections: 1, filter }, session)) {
    operationTime = batch.operationTime?.toBigInt() ?? operationTime;
    for (const listed of documentsIn(batch.payload)) {
      const uuid = rawValue(listed, "info", "uuid");
      const name = rawString(listed, rawElement(listed, "name")!.valueStart);
      if (uuid?.type !== BSON_TYPE.binary || name === NOT_REPLICATED) continue;
      const idIndex = rawValue(listed, "idIndex");
      collections.push({
        name,
        uuid: uuidOf(uuid.bytes),
        options: Buffer.from(rawValue(listed, "options")?.bytes ?? EMPTY_DOCUMENT),
        idIndex: idIndex ? Buffer.from(idIndex.bytes) : null,
      });
    }
  }
  return { collections, operationTime };
}

/** The complete indexes of a collection, without those that its creation makes (on `_id`, or clustered). */
export async function listIndexes(
  db: Db,
  name: string,
  session: ClientSession,
): Promise<{ indexes: Buffer[]; operationTime: ClusterTime }> {
  const indexes: Buffer[] = [];
  let operationTime = 0n;
  // With the UUIDs of builds, one that is under way comes as `{spec, buildUUID}`: when it is done, its event is in the log.
  for await (const batch of readRawCursor(db, { listIndexes: name, includeBuildUUIDs: true }, session)) {
    operationTime = batch.operationTime?.toBigInt() ?? operationTime;
    for (const index of documentsIn(batch.payload)) {
      if (rawElement(index, "buildUUID") || rawElement(index, "clustered")) continue;
      const specification = rawElement(index, "spec") ? rawValue(index, "spec")!.bytes : index;
      if (rawString(specification, rawElement(specification, "name")!.valueStart) !== "_id_") indexes.push(Buffer.from(specification));
    }
  }
  return { indexes, operationTime };
}

/** The hex text of a binary value of subtype 4: after its length and subtype. */
export const uuidOf = (binary: Buffer): string => binary.toString("hex", 5, 21);
