import { type CollectionSink, readCollection, type SourceReader } from "./read-collection.js";
import type { SnapshotCollection } from "./snapshot-collection.js";
import { listCollections } from "./source-catalogue.js";

/** Users, roles and the version of their form. Change streams never show them, so a restore has them as of the snapshot. */
export const USER_COLLECTIONS = ["system.users", "system.roles", "system.version"];

/** Unauthorized, and what hosted deployments answer. */
const REFUSED: readonly unknown[] = [13, 8000];

export const isUnauthorized = (error: unknown): boolean => REFUSED.includes((error as { code?: unknown }).code);

/** Reads users and roles where we may; returns what to say where we may not. */
export async function readUsers(
  reader: SourceReader,
  sink: CollectionSink,
  count: (collection: SnapshotCollection) => void,
): Promise<string[]> {
  const session = reader.client.startSession({ causalConsistency: false });
  try {
    const { collections } = await listCollections(reader.client.db("admin"), session);
    for (const { name, uuid } of collections) {
      if (!USER_COLLECTIONS.includes(name)) continue;
      const result = await readCollection(reader, { namespace: `admin.${name}`, uuid }, sink);
      if ("collection" in result) count(result.collection);
    }
    return [];
  } catch (error) {
    if (!isUnauthorized(error)) throw error;
    return ["Users and roles are not in the snapshot: our user may not read admin.system.users; grant it the role backup."];
  } finally {
    await session.endSession();
  }
}
