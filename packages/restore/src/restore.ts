import {
  type ClusterTime,
  checkLogName,
  makeClient,
  OplogError,
  readCoverage,
  type Store,
  type StoreLocation,
  snapshotLogName,
  verifyLog,
} from "@oplog-collector/collector-core";
import type { MongoClient } from "mongodb";
import { type ApplyOptions, apply, DEFAULT_LANES, planOf } from "./apply.js";
import type { ApplyReport } from "./apply-report.js";
import { verifyRange } from "./log-range.js";
import { type Plan, rangeFor } from "./plan.js";
import { Routing, type RoutingOptions } from "./routing.js";
import { comeAndGone } from "./snapshot/capped-window.js";
import { chooseSnapshot } from "./snapshot/choose-snapshot.js";
import { readDdlEvents } from "./snapshot/ddl-events.js";
import { listSnapshots, printSnapshot, readContents, type Snapshot } from "./snapshot/list-snapshots.js";
import { buildIndexes, forEachInLanes, type LoadProgress, loadCollections } from "./snapshot/load-snapshot.js";
import { eveningFilter, isUneven, replayFilter } from "./snapshot/replay-filter.js";
import type { ReplayRules } from "./snapshot/replay-rules.js";
import { restoreUsers } from "./snapshot/restore-users.js";
import { documentsOf, type SnapshotCollection } from "./snapshot/snapshot-collection.js";
import { dropNamespaces, isSource, userNamespaces } from "./snapshot/target-state.js";

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
  /** Users and roles too, as of the snapshot. */
  users?: boolean;
  signal?: AbortSignal;
  onProgress?: (progress: RestoreProgress) => void;
}

export type RestoreProgress =
  | { phase: "verifying the snapshot" | "verifying the log"; segments: number }
  | ({ phase: "loading" } & LoadProgress)
  | { phase: "building indexes"; collections: number; collectionsInAll: number }
  | { phase: "applying" };

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

export interface RestoreReport {
  snapshot: string;
  collections: number;
  documents: number;
  /** How many users and roles. */
  users: number;
  apply: ApplyReport;
  durationMs: number;
  notes: string[];
}

export async function planRestore(options: RestoreOptions): Promise<RestorePlan> {
  await using opened = await open(options);
  return opened.plan;
}

/** Puts the target into the state that the source had at `to`: the newest base snapshot before it, then the log. */
export async function restore(options: RestoreOptions): Promise<RestoreReport> {
  const started = Date.now();
  const { signal = new AbortController().signal, lanes = DEFAULT_LANES, onProgress = () => {} } = options;
  await using opened = await open(options);
  const { client, plan, log, store, snapshot, rules, wanted, routing } = opened;
  refuse(options, opened);
  await verify(opened, options, onProgress);
  signal.throwIfAborted();
  await dropNamespaces(client, plan.drop);
  const leaveOut = await comeAndGone(log, wanted);
  await loadCollections({
    client,
    store,
    collections: wanted,
    routing,
    lanes,
    leaveOut,
    signal,
    onProgress: (progress) => onProgress({ phase: "loading", ...progress }),
  });
  const request: ApplyOptions = { ...options, store: log, after: snapshot.takenFrom, to: options.to, lanes };
  const evening = eveningFilter(wanted);
  if (wanted.some(isUneven)) await apply({ ...request, to: evening.until, base: evening });
  let built = 0;
  await forEachInLanes(wanted, INDEX_BUILDS, signal, async (collection) => {
    await buildIndexes(client, collection, routing);
    onProgress({ phase: "building indexes", collections: ++built, collectionsInAll: wanted.length });
  });
  onProgress({ phase: "applying" });
  const applied = await apply({ ...request, base: replayFilter(rules, opened.collections) });
  const users = options.users ? await restoreUsers(client, store, opened.collections) : 0;
  return {
    snapshot: snapshot.id,
    collections: wanted.length,
    documents: wanted.reduce((sum, collection) => sum + documentsOf(collection), 0),
    users,
    apply: applied,
    durationMs: Date.now() - started,
    notes: plan.notes,
  };
}

/** Collections whose indexes are built at a time: a build uses a core or two of the target, and memory that its builds share. */
const INDEX_BUILDS = 2;

interface Opened extends AsyncDisposable {
  client: MongoClient;
  log: Store;
  store: Store;
  snapshot: Snapshot;
  rules: ReplayRules;
  collections: SnapshotCollection[];
  /** Those of them that are restored. */
  wanted: SnapshotCollection[];
  routing: Routing;
  plan: RestorePlan;
  onSource: boolean;
  /** What the target holds. */
  present: string[];
}

async function open(options: RestoreOptions): Promise<Opened> {
  const { location, to } = options;
  checkLogName(options.log);
  const log = await location.log(options.log);
  const coverage = await readCoverage(log);
  const snapshot = chooseSnapshot(await listSnapshots(location, options.log), coverage, to);
  const store = await location.log(snapshotLogName(options.log, snapshot.id));
  const client = makeClient(options.target, "target", { maxPoolSize: (options.lanes ?? DEFAULT_LANES) + 2 });
  const dispose = async () => void (await Promise.allSettled([client.close(), store.close(), log.close()]));
  try {
    const { rules, collections } = await readContents(store);
    const routing = new Routing(options);
    const applyPlan = await planOf({ ...options, store: log, after: snapshot.takenFrom, to });
    const wanted = collections.filter(({ namespace }) => !isOfUsers(namespace) && routing.route(namespace).skip === undefined);
    const present = await userNamespaces(client);
    const drop = await conflicting(present, wanted, log, snapshot.takenFrom, to, routing);
    const onSource = await isSource(client, snapshot.source);
    const plan: RestorePlan = {
      snapshot: printSnapshot(snapshot),
      collections: wanted.map((collection) => ({
        namespace: collection.namespace,
        target: targetName(collection.namespace, routing),
        documents: documentsOf(collection),
      })),
      leftOut: collections.flatMap(({ namespace }) => {
        if (isOfUsers(namespace)) return options.users ? [] : [{ namespace, why: "users and roles are restored with --users only" }];
        const { skip } = routing.route(namespace);
        return skip === undefined ? [] : [{ namespace, why: skip }];
      }),
      drop,
      users: options.users ?? false,
      apply: applyPlan,
      notes: snapshot.notes,
    };
    return { client, log, store, snapshot, rules, collections, wanted, routing, plan, onSource, present, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

const isOfUsers = (namespace: string): boolean => namespace.startsWith("admin.");

const targetName = (namespace: string, routing: Routing): string => {
  const route = routing.route(namespace);
  return route.skip === undefined ? route.namespace : namespace;
};

/** What the target holds under the name of something that the snapshot or the log brings. */
async function conflicting(
  present: readonly string[],
  wanted: readonly SnapshotCollection[],
  log: Store,
  after: ClusterTime,
  to: ClusterTime,
  routing: Routing,
): Promise<string[]> {
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
  for (const { operation, namespace, to: renamed } of await readDdlEvents(log, after, to)) {
    if (operation === "create") bring(namespace);
    if (renamed) bring(renamed);
  }
  // The list of views is one collection for all of a database: it goes only with the last of them.
  const whole = (database: string) => present.every((namespace) => !namespace.startsWith(`${database}.`) || brought.has(namespace));
  return present.filter(
    (namespace) => brought.has(namespace) && (!namespace.endsWith(".system.views") || whole(namespace.slice(0, namespace.indexOf(".")))),
  );
}

function refuse({ force = false }: RestoreOptions, { onSource, present, plan }: Opened): void {
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

/** Before anything is touched: what is damaged must not be found when half of it is applied. */
async function verify(
  { store, log, snapshot }: Opened,
  options: RestoreOptions,
  onProgress: (progress: RestoreProgress) => void,
): Promise<void> {
  const name = snapshotLogName(options.log, snapshot.id);
  const { bad } = await verifyLog(store, name, ({ segments }) => onProgress({ phase: "verifying the snapshot", segments }));
  if (bad)
    throw new OplogError("DAMAGED", `The base snapshot ${snapshot.id} is damaged: segment ${bad.segment} ${bad.problem}`, {
      hint: "Nothing was restored. Restore the store from its own backup, or remove this snapshot to use the one before it.",
    });
  let segments = 0;
  await verifyRange(log, rangeFor(await readCoverage(log), snapshot.takenFrom, options.to), () =>
    onProgress({ phase: "verifying the log", segments: ++segments }),
  );
}
