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
  verifyLog,
} from "@oplog-collector/collector-core";
import type { MongoClient } from "mongodb";
import { type ApplyOptions, type ApplyProgress, apply, DEFAULT_LANES, planOf } from "./apply.js";
import type { ApplyReport } from "./apply-report.js";
import { type Plan, rangeFor } from "./plan.js";
import { Routing, type RoutingOptions } from "./routing.js";
import { verifyRange } from "./segment-range.js";
import { comeAndGone } from "./snapshot/capped-window.js";
import { chooseSnapshot } from "./snapshot/choose-snapshot.js";
import { readDdlEvents } from "./snapshot/ddl-events.js";
import { listSnapshots, printSnapshot, readContents, type Snapshot } from "./snapshot/list-snapshots.js";
import { buildIndexes, forEachInLanes, type LoadProgress, loadCollections, targetOf } from "./snapshot/load-snapshot.js";
import { eveningFilter, isUneven, replayFilter } from "./snapshot/replay-filter.js";
import type { ReplayRules } from "./snapshot/replay-rules.js";
import { RestoreProgress as RestoreProgressMark, type RestoreState } from "./snapshot/restore-progress.js";
import { restoreUsers } from "./snapshot/restore-users.js";
import { documentsOf, type SnapshotCollection } from "./snapshot/snapshot-collection.js";
import { dropNamespaces, isSource, userNamespaces } from "./snapshot/target-state.js";
import { isPassing } from "./target-failure.js";
import { TargetTerm } from "./target-term.js";
import { putBackTtl, switchOffTtl } from "./ttl-monitor.js";

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

export interface RestoreReport {
  snapshot: string;
  collections: number;
  documents: number;
  /** How many users and roles. */
  users: number;
  /** Null when an earlier run had applied all of it before it was interrupted. */
  apply: ApplyReport | null;
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
  const { onProgress = () => {} } = options;
  await using opened = await open(options);
  const { client, plan, snapshot, wanted } = opened;
  const term = new TargetTerm();
  const progress = new RestoreProgressMark(client, term);
  // Interrupted before its first mark it had not touched the target: then it begins.
  const resumed = (options.resume ?? false) && (await progress.resume(fingerprintOf(options)));
  if (!resumed) refuse(options, opened);
  await verify(opened, options, onProgress);
  if (!resumed) {
    await dropNamespaces(client, plan.drop);
    await progress.begin({ fingerprint: fingerprintOf(options), snapshot: snapshot.id });
  }
  try {
    const done = await new Restoring(options, opened, progress, term, resumed).run();
    const notes = [...plan.notes, ...done.notes, ...(await putBackTtl(client, progress.ttl))];
    await progress.end();
    return {
      snapshot: snapshot.id,
      collections: wanted.length,
      documents: wanted.reduce((sum, collection) => sum + documentsOf(collection), 0),
      users: done.users,
      apply: done.applied,
      durationMs: Date.now() - started,
      notes,
    };
  } catch (error) {
    // The marks stay, for whoever resumes; the target's own settings don't wait for that.
    if ((await putBackTtl(client, progress.ttl).catch(() => ["away"])).length === 0) await progress.forgetTtl().catch(() => {});
    throw error;
  }
}

/** The same restore has the same text. */
const fingerprintOf = ({ log, to, ns = [], excludeNs = [], renames = [] }: RestoreOptions): string =>
  JSON.stringify({ log, to: formatClusterTime(to), ns, excludeNs, renames });

/** A target that is away is waited for about two minutes, the driver's own five seconds for each try included. */
const LOAD_ATTEMPTS = 20;
const RETRY_MS = 1_000;

/** One restore under way: each phase is marked on the target before it begins, and can be begun again. */
class Restoring {
  private readonly request: ApplyOptions;
  private readonly signal: AbortSignal;
  private readonly lanes: number;
  private readonly notes: string[] = [];
  private applied: ApplyReport | null = null;

  constructor(
    private readonly options: RestoreOptions,
    private readonly opened: Opened,
    private readonly progress: RestoreProgressMark,
    private readonly term: TargetTerm,
    private readonly resumed: boolean,
  ) {
    this.signal = options.signal ?? new AbortController().signal;
    this.lanes = options.lanes ?? DEFAULT_LANES;
    const { log, snapshot } = opened;
    this.request = {
      ...options,
      store: log,
      after: snapshot.takenFrom,
      to: options.to,
      lanes: this.lanes,
      resume: resumed ? "if-begun" : false,
      onProgress: (progress) => {
        if (progress.phase !== "verifying") this.tell(progress);
      },
    };
  }

  async run(): Promise<{ applied: ApplyReport | null; users: number; notes: string[] }> {
    const { client, store, collections, rules } = this.opened;
    const begunIn = this.progress.phase;
    const note = await switchOffTtl(client, this.progress);
    if (note) this.notes.push(note);
    if (this.progress.phase === "loading") {
      await this.load();
      await this.enter("evening");
    }
    if (this.progress.phase === "evening") await this.even(begunIn === "evening");
    if (this.progress.phase === "building indexes") {
      await this.buildIndexes();
      await this.enter("users");
    }
    let users = 0;
    if (this.progress.phase === "users") {
      // Before the log, which has their changes where it is of the raw oplog.
      if (this.options.users) users = await restoreUsers(client, store, collections);
      await this.enter("applying");
    }
    if (this.progress.phase === "applying")
      this.applied = await apply({ ...this.request, base: replayFilter(rules, collections), beforeEnd: () => this.enter("done") });
    return { applied: this.applied, users, notes: this.notes };
  }

  private async enter(phase: RestoreState["phase"]): Promise<void> {
    this.signal.throwIfAborted();
    await this.progress.enter(phase);
  }

  /** Loads what is not there yet. While the target is away or changes its primary it is tried again, collection by collection. */
  private async load(): Promise<void> {
    let again = this.resumed;
    for (let failures = 0; ; again = true) {
      const before = this.progress.done.size;
      try {
        this.term.reset();
        if (again) await switchOffTtl(this.opened.client, this.progress);
        await this.loadRest(again);
        return;
      } catch (error) {
        failures = this.progress.done.size > before ? 1 : failures + 1;
        if (!isPassing(error) || failures > LOAD_ATTEMPTS || this.signal.aborted) throw error;
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
  }

  private async loadRest(again: boolean): Promise<void> {
    const { client, log, store, wanted, routing } = this.opened;
    const { done } = this.progress;
    const left = wanted.filter(({ uuid }) => !done.has(uuid));
    // What was begun, and may be there in part.
    if (again)
      await dropNamespaces(
        client,
        left.map((collection) => targetOf(collection, routing)),
      );
    await loadCollections({
      client,
      store,
      collections: left,
      routing,
      lanes: this.lanes,
      leaveOut: await comeAndGone(log, left),
      signal: this.signal,
      term: this.term,
      onProgress: (progress) => this.tell({ phase: "loading", ...progress }),
      onLoaded: ({ uuid }) => this.progress.loaded(uuid),
    });
  }

  /** Brings collections that were read in ranges to one time each, before an index can ask that all of it fits together. */
  private async even(again: boolean): Promise<void> {
    const evening = eveningFilter(this.opened.wanted, again);
    if (!this.opened.wanted.some(isUneven)) return this.enter("building indexes");
    await apply({ ...this.request, to: evening.until, base: evening, beforeEnd: () => this.enter("building indexes") });
  }

  private async buildIndexes(): Promise<void> {
    const { client, wanted, routing } = this.opened;
    let built = 0;
    await forEachInLanes(wanted, INDEX_BUILDS, this.signal, async (collection) => {
      await buildIndexes(client, collection, routing);
      this.tell({ phase: "building indexes", collections: ++built, collectionsInAll: wanted.length });
    });
  }

  private tell(progress: RestoreProgress): void {
    this.options.onProgress?.(progress);
  }
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
    const routing = new Routing(options);
    const wanted = collections.filter(({ namespace }) => !isOfUsers(namespace) && routing.route(namespace).skip === undefined);
    const present = await userNamespaces(client);
    const drop = await conflicting(present, wanted, log, snapshot.takenFrom, options.to, routing);
    const onSource = await isSource(client, snapshot.source);
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
      notes: snapshot.notes,
    };
    return { client, log, store, snapshot, rules, collections, wanted, routing, plan, onSource, present, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

async function findSnapshot({ location, log: name, to, resume }: RestoreOptions, client: MongoClient, log: Store): Promise<Snapshot> {
  const snapshots = await listSnapshots(location, name);
  // Another snapshot than the one that was begun with would not fit to what is loaded.
  const begun = resume ? (await new RestoreProgressMark(client, new TargetTerm()).find())?.snapshot : undefined;
  return chooseSnapshot(begun === undefined ? snapshots : snapshots.filter(({ id }) => id === begun), await readCoverage(log), to);
}

function leftOut(collections: readonly SnapshotCollection[], routing: Routing, users: boolean): RestorePlan["leftOut"] {
  return collections.flatMap(({ namespace }) => {
    if (isOfUsers(namespace)) return users ? [] : [{ namespace, why: "users and roles are restored with --users only" }];
    const { skip } = routing.route(namespace);
    return skip === undefined ? [] : [{ namespace, why: skip }];
  });
}

const isOfUsers = (namespace: string): boolean => namespace.startsWith("admin.");

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
