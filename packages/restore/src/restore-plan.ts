import {
  type ClusterTime,
  checkLogName,
  formatClusterTime,
  makeClient,
  OplogError,
  readCoverage,
  type Store,
  type StoreLocation,
  snapshotLogName,
} from "@oplog-collector/collector-core";
import type { MongoClient } from "mongodb";
import { type ApplyProgress, DEFAULT_LANES, planOf } from "./apply.js";
import type { Plan } from "./plan.js";
import { isServersInAdmin, Routing, type RoutingOptions, wantedByRename } from "./routing.js";
import { chooseSnapshot } from "./snapshot/choose-snapshot.js";
import { type DdlEvent, readDdlEvents } from "./snapshot/ddl-events.js";
import { listSnapshots, printSnapshot, readContents, type Snapshot } from "./snapshot/list-snapshots.js";
import { type LoadProgress, targetOf } from "./snapshot/load-snapshot.js";
import type { ReplayRules } from "./snapshot/replay-rules.js";
import { RestoreMark } from "./snapshot/restore-mark.js";
import { documentsOf, type SnapshotCollection } from "./snapshot/snapshot-collection.js";
import { isSource, userNamespaces } from "./snapshot/target-state.js";
import { TargetTerm } from "./target-term.js";
import { usersReadAt } from "./users/restore-users.js";
import { type RecordedUsers, usersAt } from "./users/users-log.js";

export interface RestoreOptions extends RoutingOptions {
  location: StoreLocation;
  log: string;
  /** URI of the target. */
  target: string;
  /** Inclusive. */
  to: ClusterTime;
  /** @default DEFAULT_LANES */
  lanes?: number;
  /** Drops what has the name of something to be restored, and leaves the rest of a target that is not empty as it is. */
  force?: boolean;
  /** What the plan and the report are to say besides. */
  notes?: readonly string[];
  /** Goes on with a restore that was interrupted; the options must be the same. Begins one where there is none. */
  resume?: boolean;
  signal?: AbortSignal;
  onProgress?: (progress: RestoreProgress) => void;
}

export type RestoreProgress =
  | { phase: "verifying the snapshot" | "verifying the log"; segments: number }
  | ({ phase: "loading" } & LoadProgress)
  | { phase: "building indexes"; collections: number; collectionsInAll: number }
  | Exclude<ApplyProgress, { phase: "verifying" }>;

/** What a restore would do. Plain data: it prints as JSON. */
export interface RestorePlan {
  snapshot: ReturnType<typeof printSnapshot>;
  collections: { namespace: string; target: string; documents: number }[];
  leftOut: { namespace: string; why: string }[];
  /** On the target, to be dropped first. */
  drop: string[];
  users: boolean;
  apply: Plan;
  notes: string[];
}

export async function planRestore(options: RestoreOptions): Promise<RestorePlan> {
  await using opened = await openRestore(options);
  return opened.plan;
}

/** What a restore works with. */
export interface OpenedRestore extends AsyncDisposable {
  client: MongoClient;
  log: Store;
  store: Store;
  snapshot: Snapshot;
  rules: ReplayRules;
  collections: SnapshotCollection[];
  /** Newer than those of the snapshot; null when there are none, or users are not restored. */
  recordedUsers: RecordedUsers | null;
  /** Those of them that are restored. */
  wanted: SnapshotCollection[];
  routing: Routing;
  plan: RestorePlan;
  onSource: boolean;
  /** What the target holds. */
  present: string[];
}

/** Finds the snapshot, looks at the target and decides; changes nothing. */
export async function openRestore(options: RestoreOptions): Promise<OpenedRestore> {
  checkLogName(options.log);
  const log = await options.location.log(options.log);
  const client = makeClient(options.target, "target", { maxPoolSize: (options.lanes ?? DEFAULT_LANES) + 2 });
  const opened: { close(): Promise<void> }[] = [client, log];
  const dispose = async () => void (await Promise.allSettled(opened.map((one) => one.close())));
  try {
    const snapshot = await findSnapshot(options, client, log);
    const store = await options.location.log(snapshotLogName(options.log, snapshot.id));
    opened.push(store);
    const { rules, collections } = await readContents(store);
    const ddl = await readDdlEvents(log, snapshot.takenFrom, options.to);
    const routing = routingFor(options, ddl);
    const wanted = collections.filter(({ namespace }) => !isServersInAdmin(namespace) && routing.route(namespace).skip === undefined);
    const present = await userNamespaces(client);
    const drop = conflicting(present, wanted, ddl, routing);
    const onSource = await isSource(client, snapshot.source);
    const recordedUsers = options.users ? await newerUsers(options, collections) : null;
    const plan: RestorePlan = {
      snapshot: printSnapshot(snapshot),
      collections: wanted.map((collection) => ({
        namespace: collection.namespace,
        target: targetOf(collection, routing),
        documents: documentsOf(collection),
      })),
      leftOut: leftOut(collections, routing, options.users ?? false),
      drop,
      users: options.users ?? false,
      apply: await planOf({ ...options, store: log, after: snapshot.takenFrom, to: options.to }),
      notes: [
        ...snapshot.notes,
        ...(recordedUsers ? [`Users and roles as they were recorded at ${formatClusterTime(recordedUsers.at)}.`] : []),
      ],
    };
    const found = { client, log, store, snapshot, rules, collections, recordedUsers, wanted, routing, plan, onSource, present };
    return { ...found, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

async function newerUsers({ location, log, to }: RestoreOptions, collections: SnapshotCollection[]): Promise<RecordedUsers | null> {
  const recorded = await usersAt(location, log, to);
  return recorded && recorded.at > (usersReadAt(collections) ?? 0n) ? recorded : null;
}

/** A collection that a rename brings to a wanted name is loaded as well, whatever it is called in the snapshot. */
function routingFor(options: RestoreOptions, ddl: readonly DdlEvent[]): Routing {
  const routing = new Routing(options);
  if (!routing.filters) return routing;
  const renames = ddl.flatMap(({ namespace, to }) => (to === undefined ? [] : [{ namespace, to }]));
  return new Routing({ ...options, alsoWanted: wantedByRename(renames, options) });
}

async function findSnapshot({ location, log: name, to, resume }: RestoreOptions, client: MongoClient, log: Store): Promise<Snapshot> {
  const snapshots = await listSnapshots(location, name);
  // Another snapshot than the one that was begun with would not fit to what is loaded.
  const begun = resume ? (await new RestoreMark(client, new TargetTerm()).find())?.snapshot : undefined;
  return chooseSnapshot(begun === undefined ? snapshots : snapshots.filter(({ id }) => id === begun), await readCoverage(log), to);
}

function leftOut(collections: readonly SnapshotCollection[], routing: Routing, users: boolean): RestorePlan["leftOut"] {
  return collections.flatMap(({ namespace }) => {
    if (isServersInAdmin(namespace)) return users ? [] : [{ namespace, why: "users and roles are restored with --users only" }];
    const { skip } = routing.route(namespace);
    return skip === undefined ? [] : [{ namespace, why: skip }];
  });
}

/** What the target holds under the name of something that the snapshot or the log brings. */
function conflicting(
  present: readonly string[],
  wanted: readonly SnapshotCollection[],
  ddl: readonly DdlEvent[],
  routing: Routing,
): string[] {
  if (present.length === 0) return [];
  const brought = new Set<string>();
  const bring = (namespace: string) => {
    const route = routing.route(namespace);
    if (route.skip === undefined) brought.add(route.namespace);
  };
  for (const { namespace, views } of wanted) {
    bring(namespace);
    for (const view of views) bring(view);
  }
  for (const { operation, namespace, to: renamed } of ddl) {
    if (operation === "create") bring(namespace);
    if (renamed) bring(renamed);
  }
  // The list of views is one collection for all of a database: it goes only with the last of them.
  const whole = (database: string) => present.every((namespace) => !namespace.startsWith(`${database}.`) || brought.has(namespace));
  return present.filter(
    (namespace) => brought.has(namespace) && (!namespace.endsWith(".system.views") || whole(namespace.slice(0, namespace.indexOf(".")))),
  );
}

/** Throws `TARGET_NOT_EMPTY` when the target holds what a restore may not touch unasked. */
export function refuseTarget({ force = false }: RestoreOptions, { onSource, present, plan }: OpenedRestore): void {
  if (force) return;
  const forced =
    plan.drop.length > 0
      ? `With --force, what is in the way is dropped first (${list(plan.drop)}) and the rest is left as it is.`
      : "With --force it is restored beside that.";
  if (onSource)
    throw new OplogError("TARGET_NOT_EMPTY", "The target is the deployment that the log was captured from", {
      hint: `Restore to another deployment, or under other names with --rename. ${forced}`,
    });
  if (present.length > 0)
    throw new OplogError("TARGET_NOT_EMPTY", `The target holds user data: ${list(present)}`, {
      hint: `Choose an empty target. ${forced}`,
    });
}

const NAMES_LISTED = 5;

const list = (names: readonly string[]): string =>
  `${names.slice(0, NAMES_LISTED).join(", ")}${names.length > NAMES_LISTED ? `, … (${names.length} in all)` : ""}`;
