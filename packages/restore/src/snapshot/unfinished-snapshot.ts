import { hostname } from "node:os";
import {
  type ClusterTime,
  decodeHeader,
  documentsIn,
  OplogError,
  parseLogName,
  readPayload,
  type Store,
  type StoreLocation,
  snapshotLogName,
} from "@oplog-collector/collector-core";
import { HOLD_ID } from "../retention/legal-hold.js";
import { USERS_ID } from "../users/users-log.js";
import { decodeCollection, type SnapshotCollection } from "./snapshot-collection.js";
import { recordOf } from "./snapshot-record.js";

/** After this long without a sign of life a process on another machine is taken for gone: three signs missed. */
const SILENT_MS = 30_000;

/** A snapshot that was interrupted, and what of it is finished. */
export interface Unfinished {
  id: string;
  store: Store;
  takenFrom: ClusterTime;
  /** By UUID; those of which only some ranges are there too. */
  collections: Map<string, SnapshotCollection>;
  /** The highest part number in use. */
  lastPart: number;
}

/** What is kept beside a log under such a name, and is no snapshot. */
const OTHERS = new Set([HOLD_ID, USERS_ID]);

/** The snapshots of a log, by id, the oldest first. */
export async function snapshotIds(location: StoreLocation, log: string): Promise<string[]> {
  const names = (await location.names(snapshotLogName(log, ""))).map(parseLogName);
  return names.flatMap(({ snapshot }) => (snapshot === undefined || OTHERS.has(snapshot) ? [] : [snapshot])).sort();
}

/**
 * The newest snapshot of this log that was interrupted; older ones are removed, as they can't be restored. Throws `FENCED` when one is being taken.
 */
export async function findUnfinished(location: StoreLocation, log: string): Promise<Unfinished | null> {
  let newest: Unfinished | null = null;
  for (const id of await snapshotIds(location, log)) {
    const store = await location.log(snapshotLogName(log, id));
    const found = await readUnfinished(id, store);
    if (!found) {
      await store.close();
      continue;
    }
    await checkNobodyTakes(snapshotLogName(log, id), store);
    if (newest) {
      await newest.store.remove();
      await newest.store.close();
    }
    newest = found;
  }
  return newest;
}

async function readUnfinished(id: string, store: Store): Promise<Unfinished | null> {
  for await (const newest of store.headers({ reverse: true })) {
    if (recordOf(decodeHeader(newest.header))?.what === "complete") return null;
    break;
  }
  const unfinished: Unfinished = { id, store, takenFrom: 0n, collections: new Map(), lastPart: 0 };
  for await (const stored of store.headers()) {
    const header = decodeHeader(stored.header);
    const record = recordOf(header);
    if (record?.what === "begin") unfinished.takenFrom = record.takenFrom;
    if (record?.what === "documents") unfinished.lastPart = Math.max(unfinished.lastPart, record.part);
    if (record?.what !== "collections") continue;
    const segment = await store.read(stored.number);
    if (!segment) continue;
    for (const document of documentsIn(await readPayload(segment, header))) {
      const collection = decodeCollection(document);
      unfinished.collections.set(collection.uuid, collection);
      // A part without documents has no segment that names it.
      for (const { part } of collection.parts) unfinished.lastPart = Math.max(unfinished.lastPart, part);
    }
  }
  return unfinished;
}

/** Names of the snapshots that this process is taking: a process id alone may be that of an earlier process, as in a container. */
export const takenHere = new Set<string>();

async function checkNobodyTakes(name: string, store: Store): Promise<void> {
  const checkpoint = await store.readCheckpoint();
  if (!checkpoint?.writer) return;
  const { host, pid } = checkpoint.writer;
  if (Date.now() - checkpoint.at.getTime() > SILENT_MS) return;
  if (host === hostname() && (pid === process.pid ? !takenHere.has(name) : !isAlive(pid))) return;
  throw new OplogError("FENCED", `The snapshot ${name} is being taken by process ${pid} on ${host}`, {
    hint: `Wait for it. If that process is gone, run snapshot again ${SILENT_MS / 1000} seconds after it went.`,
  });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
