import type { ClusterTime } from "@oplog-collector/collector-core";
import type { DdlEvent } from "./ddl-events.js";
import { type ReplayRules, startTimes } from "./replay-rules.js";
import { consistentFrom, type SnapshotCollection } from "./snapshot-collection.js";

/** What a base snapshot in the making consists of so far. */
export interface SnapshotState extends ReplayRules {
  collections: Map<string, SnapshotCollection>;
  /** When the list of each database was begun to be read. */
  listedAfter: Map<string, ClusterTime>;
}

/** What must be read again before collections, rules and log together give one exact state. Nothing: they do. */
export interface Verdict {
  /** By UUID, with a namespace that it had. */
  redo: Map<string, string>;
  redoDatabases: Set<string>;
  /** Dropped before they could be read: not part of the snapshot. Until when their events are to be left out. */
  drop: Map<string, ClusterTime>;
}

/**
 * Every collection is read at a time of its own, while others are created, renamed and dropped. Servers do not complain: a collection that was
 * dropped after the time at which it is read reads as empty. So the log decides, by UUID: what changed under a read is read again, and then replay is
 * walked through in names only, to see that it never meets a collection under a name where another one stands.
 */
export function judgeSnapshot(state: SnapshotState, events: readonly DdlEvent[]): Verdict {
  const verdict: Verdict = { redo: new Map(), redoDatabases: new Set(), drop: new Map() };
  const fates = new Fates(events);
  const disturbed = (uuid: string, namespace: string) => {
    const droppedAt = fates.droppedAt.get(uuid);
    if (droppedAt !== undefined) verdict.drop.set(uuid, droppedAt);
    else verdict.redo.set(uuid, namespace);
  };
  for (const event of events) {
    if (event.uuid === null) judgeDatabaseEvent(state, event, verdict);
    else judgeRead(state, event.uuid, event, fates, disturbed);
    if (event.dropTarget) judgeRead(state, event.dropTarget, { ...event, operation: "drop", namespace: event.to! }, fates, disturbed);
  }
  if (verdict.redo.size === 0 && verdict.redoDatabases.size === 0) walkNames(state, events, verdict, disturbed);
  return verdict;
}

export const isSound = ({ redo, redoDatabases, drop }: Verdict): boolean => redo.size === 0 && redoDatabases.size === 0 && drop.size === 0;

/** From when on snapshot and log together give one exact state. */
export function restorableFrom({ collections, databases, skipped, takenFrom }: SnapshotState): ClusterTime {
  let newest = takenFrom;
  const times = [...databases.values(), ...skipped.values(), ...[...collections.values()].map(consistentFrom)];
  for (const time of times) if (time > newest) newest = time;
  return newest;
}

/** What the events say of each collection. */
class Fates {
  readonly created = new Set<string>();
  readonly droppedAt = new Map<string, ClusterTime>();

  constructor(events: readonly DdlEvent[]) {
    for (const { operation, uuid, dropTarget, time } of events) {
      if (operation === "create" && uuid) this.created.add(uuid);
      if (operation === "drop" && uuid) this.droppedAt.set(uuid, time);
      if (dropTarget) this.droppedAt.set(dropTarget, time);
    }
  }
}

function judgeRead(
  { collections, skipped }: SnapshotState,
  uuid: string,
  { time, operation, namespace }: DdlEvent,
  { created }: Fates,
  disturbed: (uuid: string, namespace: string) => void,
): void {
  const collection = collections.get(uuid);
  if (collection) {
    // Until it was consistent, anything; until its last document was read, what takes it away from under the reader.
    const until = operation === "drop" || operation === "rename" ? collection.readTo : consistentFrom(collection);
    if (time > collection.catalogueAfter && time <= until) disturbed(uuid, namespace);
  } else if (!created.has(uuid) && !skipped.has(uuid)) disturbed(uuid, namespace);
}

function judgeDatabaseEvent(state: SnapshotState, { time, database, operation }: DdlEvent, verdict: Verdict): void {
  const { databases, listedAfter, takenFrom, collections } = state;
  const asOf = databases.get(database) ?? takenFrom;
  if (time > (listedAfter.get(database) ?? takenFrom) && time <= asOf) verdict.redoDatabases.add(database);
  if (operation !== "dropDatabase" || time <= asOf) return;
  // Applied, it would drop what was created after it and is in the snapshot already.
  for (const { namespace, parts } of collections.values())
    if (namespace.startsWith(`${database}.`) && parts.at(-1)!.readAt >= time) verdict.redoDatabases.add(database);
}

/** The stand-in for a view's UUID, which views do not have. */
const viewOf = (database: string): string => `view of ${database}`;

function walkNames(
  state: SnapshotState,
  events: readonly DdlEvent[],
  verdict: Verdict,
  disturbed: (uuid: string, namespace: string) => void,
): void {
  const { collections } = state;
  const holders = new Map<string, string>();
  const conflict = (namespace: string, ...uuids: (string | undefined)[]) => {
    for (const uuid of uuids)
      if (uuid?.startsWith("view of ")) verdict.redoDatabases.add(uuid.slice("view of ".length));
      else if (uuid) disturbed(uuid, collections.get(uuid)?.namespace ?? namespace);
  };
  const hold = (namespace: string, uuid: string) => {
    const holder = holders.get(namespace);
    if (holder !== undefined && holder !== uuid) conflict(namespace, holder, uuid);
    holders.set(namespace, uuid);
  };
  for (const { uuid, namespace, views } of collections.values()) {
    if (verdict.drop.has(uuid)) continue;
    hold(namespace, uuid);
    for (const view of views) hold(view, viewOf(namespace.slice(0, namespace.indexOf("."))));
  }
  const startTime = startTimes({ ...state, skipped: new Map([...state.skipped, ...verdict.drop]) }, collections.values());
  for (const { time, operation, database, namespace, uuid, to, dropTarget } of events) {
    const applied = time > startTime(uuid, database);
    const subject = uuid ?? viewOf(database);
    if (!applied) {
      // The rename is left out, so what it dropped would stay.
      if (dropTarget && time > startTime(dropTarget, database)) conflict(to!, dropTarget);
      continue;
    }
    if (operation === "create") hold(namespace, subject);
    else if (operation === "dropDatabase") {
      for (const name of [...holders.keys()]) if (name.startsWith(`${database}.`)) holders.delete(name);
    } else if (operation === "drop" || operation === "rename") {
      if (holders.get(namespace) !== subject) conflict(namespace, subject, holders.get(namespace));
      holders.delete(namespace);
      if (operation === "drop") continue;
      if (dropTarget !== undefined && holders.get(to!) === dropTarget) holders.delete(to!);
      hold(to!, subject);
    }
  }
}
