import {
  appendOnce,
  type ClusterTime,
  compress,
  DEFAULT_CODEC,
  decodeHeader,
  documentsIn,
  readPayload,
  type SealedSegment,
  type SegmentHeader,
  type Store,
  type StoreLocation,
  sealSegment,
  snapshotLogName,
} from "@oplog-collector/collector-core";
import { withLogBeside } from "../log-beside.js";

/**
 * Users and roles of a source whose log does not show their changes, as they were when they were looked at. Kept beside the log, in a small log of
 * its own, `<log>@users`, of which each segment has all of them: one is added when something has changed.
 */
export const USERS_ID = "users";

/** Users come before roles in a segment. */
export interface RecordedUsers {
  at: ClusterTime;
  users: Buffer[];
  roles: Buffer[];
}

/** How a segment's header says where its roles begin. */
interface UsersRecord {
  what: "users";
  users: number;
}

/** The newest that was recorded at or before that time; null when nothing was. */
export function usersAt(location: StoreLocation, log: string, to: ClusterTime): Promise<RecordedUsers | null> {
  return withLogBeside(location, log, USERS_ID, async (store) => {
    const segment = await newestUpTo(store, to);
    if (!segment) return null;
    const documents = [...documentsIn(await readPayload(segment.sealed, segment.header))];
    const { users } = segment.header.snapshot as unknown as UsersRecord;
    return { at: segment.header.to.clusterTime, users: documents.slice(0, users), roles: documents.slice(users) };
  });
}

/** Adds them when they are not what was recorded last; says whether it did. */
export function recordUsers(location: StoreLocation, log: string, { at, users, roles }: RecordedUsers): Promise<boolean> {
  return withLogBeside(location, log, USERS_ID, async (store) => {
    const payload = Buffer.concat([...users, ...roles]);
    const newest = await newestUpTo(store, at);
    if (newest && (newest.header.snapshot as unknown as UsersRecord).users === users.length)
      if ((await readPayload(newest.sealed, newest.header)).equals(payload)) return false;
    const to = { token: null, clusterTime: at, wallTime: null };
    const record: Record<string, unknown> & UsersRecord = { what: "users", users: users.length };
    const segment = sealSegment(
      {
        number: (newest?.sealed.number ?? 0) + 1,
        kind: newest ? "events" : "start",
        log: snapshotLogName(log, USERS_ID),
        previous: newest?.sealed.hash ?? null,
        sealedAt: new Date(),
        from: newest?.header.to ?? to,
        to,
        coveredTo: at,
        format: "document",
        events: users.length + roles.length,
        bytes: payload.length,
        counts: [
          { namespace: "admin.system.users", operation: "document", events: users.length },
          { namespace: "admin.system.roles", operation: "document", events: roles.length },
        ],
        codec: DEFAULT_CODEC,
        snapshot: record,
      },
      await compress(DEFAULT_CODEC)(payload),
      store.keys,
    );
    await appendOnce(store, segment);
    return true;
  });
}

/** Removes what no moment after that time is restored with. */
export function pruneUsers(location: StoreLocation, log: string, keptFrom: ClusterTime): Promise<void> {
  return withLogBeside(location, log, USERS_ID, async (store) => {
    const first = await newestUpTo(store, keptFrom);
    if (first && first.sealed.number > 1) await store.remove(first.sealed.number - 1);
  });
}

async function newestUpTo(store: Store, to: ClusterTime): Promise<{ sealed: SealedSegment; header: SegmentHeader } | null> {
  for await (const { number, header: bytes } of store.headers({ reverse: true })) {
    const header = decodeHeader(bytes);
    if (header.to.clusterTime > to) continue;
    const sealed = await store.read(number);
    if (sealed) return { sealed, header };
  }
  return null;
}
