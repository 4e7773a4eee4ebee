import { setTimeout as sleep } from "node:timers/promises";
import { formatClusterTime, OplogError, readCoverage, snapshotLogName, verifyLog } from "@oplog-collector/collector-core";
import { type ApplyOptions, applyVerified, DEFAULT_LANES } from "./apply.js";
import type { ApplyReport } from "./apply-report.js";
import { closeWhenCancelled, unlessCancelled } from "./cancel.js";
import { rangeFor } from "./plan.js";
import { type OpenedRestore, openRestore, type RestoreOptions, type RestoreProgress, refuseTarget } from "./restore-plan.js";
import { verifyRange } from "./segment-range.js";
import { comeAndGone } from "./snapshot/capped-window.js";
import { buildIndexes, forEachInLanes, loadCollections, targetOf } from "./snapshot/load-snapshot.js";
import { eveningFilter, isUneven, replayFilter } from "./snapshot/replay-filter.js";
import { RestoreMark, type RestoreState } from "./snapshot/restore-mark.js";
import { documentsOf } from "./snapshot/snapshot-collection.js";
import { dropNamespaces } from "./snapshot/target-state.js";
import { isPassing } from "./target-failure.js";
import { TargetTerm } from "./target-term.js";
import { putBackTtl, putBackTtlAfterFailure, switchOffTtl } from "./ttl-monitor.js";
import { restoreRecorded, restoreUsers } from "./users/restore-users.js";

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

/** Puts the target into the state that the source had at `to`: the newest base snapshot before it, then the log. */
export async function restore(options: RestoreOptions): Promise<RestoreReport> {
  const started = Date.now();
  const { onProgress = () => {} } = options;
  await using opened = await openRestore(options);
  const { client, plan, snapshot, wanted } = opened;
  using _ = closeWhenCancelled(client, options.signal);
  const term = new TargetTerm();
  const progress = new RestoreMark(client, term);
  // Interrupted before its first mark it had not touched the target: then it begins.
  const resumed = (options.resume ?? false) && (await progress.resume(fingerprintOf(options)));
  if (!resumed) refuseTarget(options, opened);
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
    if (await putBackTtlAfterFailure(options.target, progress.ttl).catch(() => false)) await progress.forgetTtl().catch(() => {});
    throw error;
  }
}

/** The same restore has the same text. */
const fingerprintOf = ({ log, to, ns = [], excludeNs = [], renames = [], users = false }: RestoreOptions): string =>
  JSON.stringify({ log, to: formatClusterTime(to), ns, excludeNs, renames, users });

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
    private readonly opened: OpenedRestore,
    private readonly progress: RestoreMark,
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
        // It was verified before anything was touched.
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
      const { recordedUsers } = this.opened;
      if (this.options.users)
        users = await (recordedUsers ? restoreRecorded(client, recordedUsers) : restoreUsers(client, store, collections));
      await this.enter("applying");
    }
    if (this.progress.phase === "applying")
      this.applied = await applyVerified({ ...this.request, base: replayFilter(rules, collections), beforeEnd: () => this.enter("done") });
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
        await sleep(RETRY_MS, undefined, { signal: this.signal });
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
    await applyVerified({ ...this.request, to: evening.until, base: evening, beforeEnd: () => this.enter("building indexes") });
  }

  private async buildIndexes(): Promise<void> {
    const { client, wanted, routing } = this.opened;
    let built = 0;
    await forEachInLanes(wanted, INDEX_BUILDS, this.signal, async (collection) => {
      await unlessCancelled(buildIndexes(client, collection, routing), this.signal);
      this.tell({ phase: "building indexes", collections: ++built, collectionsInAll: wanted.length });
    });
  }

  private tell(progress: RestoreProgress): void {
    this.options.onProgress?.(progress);
  }
}

/** Collections whose indexes are built at a time: a build uses a core or two of the target, and memory that its builds share. */
const INDEX_BUILDS = 2;

/** Before anything is touched: what is damaged must not be found when half of it is applied. */
async function verify(
  { store, log, snapshot }: OpenedRestore,
  options: RestoreOptions,
  onProgress: (progress: RestoreProgress) => void,
): Promise<void> {
  const name = snapshotLogName(options.log, snapshot.id);
  const { signal } = options;
  const { bad } = await verifyLog(store, name, ({ segments }) => {
    signal?.throwIfAborted(); // ends the check; what it then says of the snapshot is not heard
    onProgress({ phase: "verifying the snapshot", segments });
  });
  signal?.throwIfAborted();
  if (bad)
    throw new OplogError("DAMAGED", `The base snapshot ${snapshot.id} is damaged: segment ${bad.segment} ${bad.problem}`, {
      hint: "Nothing was restored. Restore the store from its own backup, or remove this snapshot to use the one before it.",
    });
  let segments = 0;
  await verifyRange(log, rangeFor(await readCoverage(log), snapshot.takenFrom, options.to), signal, () =>
    onProgress({ phase: "verifying the log", segments: ++segments }),
  );
}
