import { setTimeout as sleep } from "node:timers/promises";
import {
  backoffMs,
  type ClusterTime,
  DEFAULT_RETRY,
  describeError,
  formatClusterTime,
  makeClient,
  OplogError,
  readCoverage,
  redactUri,
  type SegmentHeader,
  type Store,
} from "@oplog-collector/collector-core";
import type { MongoClient } from "mongodb";
import type { ApplyReport } from "./apply-report.js";
import { ApplyRun } from "./apply-run.js";
import { closeWhenCancelled } from "./cancel.js";
import { type Plan, planApply, rangeFor } from "./plan.js";
import { Progress } from "./progress.js";
import { Routing, type RoutingOptions, wantedByRename } from "./routing.js";
import { headersOf, type SegmentRange, verifyRange } from "./segment-range.js";
import { readDdlEvents } from "./snapshot/ddl-events.js";
import type { ReplayFilter } from "./snapshot/replay-filter.js";
import { isPassing } from "./target-failure.js";
import { TargetTerm } from "./target-term.js";
import { putBackTtl, putBackTtlAfterFailure, switchOffTtl } from "./ttl-monitor.js";

/** On two cores more lanes gave no more events a second. */
export const DEFAULT_LANES = 4;

/** A target that is away for longer than this is given up: what was applied stays marked, and `resume` goes on from there. */
export const DEFAULT_PATIENCE_MS = 10 * 60_000;

/** Pauses before a target that is away is tried again: a failover takes some seconds. */
const RETRY = { ...DEFAULT_RETRY, baseMs: 250, capMs: 5_000 };

export interface ApplyOptions extends RoutingOptions {
  store: Store;
  log: string;
  /** URI of the target. */
  target: string;
  /** Exclusive. */
  after: ClusterTime;
  /** Inclusive. */
  to: ClusterTime;
  /** @default DEFAULT_LANES */
  lanes?: number;
  /** Goes on from where an interrupted apply of the same range came to: `true` when there must be one. */
  resume?: boolean | "if-begun";
  /** @default DEFAULT_PATIENCE_MS */
  patienceMs?: number;
  /** Over a base snapshot: which operations are in what was loaded already. */
  base?: ReplayFilter;
  /** What the plan and the report are to say besides. */
  notes?: readonly string[];
  signal?: AbortSignal;
  onProgress?: (progress: ApplyProgress) => void;
  /** Called when all is applied, before the marks go: whoever marks more than this apply must never find neither mark. */
  beforeEnd?: () => Promise<void>;
}

export type ApplyProgress =
  | { phase: "verifying"; segments: number; segmentsInAll: number }
  | { phase: "applying"; events: number; eventsInAll: number }
  /** The target is away; what went wrong. */
  | { phase: "waiting"; reason: string };

/** What `apply` would do. */
export async function planOf(options: Omit<ApplyOptions, "onProgress" | "beforeEnd">): Promise<Plan> {
  return (await prepare(options)).plan;
}

interface Prepared {
  plan: Plan;
  /** The whole timeline. */
  timeline: SegmentRange;
  /** Begins with the first segment that may hold events of the range: of a long log the headers before it are not read again and again. */
  range: SegmentRange;
  routing: Routing;
}

async function prepare(options: Omit<ApplyOptions, "onProgress" | "beforeEnd">): Promise<Prepared> {
  const { store, after, to } = options;
  const coverage = await readCoverage(store);
  const timeline = rangeFor(coverage, after, to);
  const headers: SegmentHeader[] = [];
  for await (const header of headersOf(store, timeline)) headers.push(header);
  const range = { ...timeline, firstSegment: headers[0]?.number ?? timeline.firstSegment };
  const routed: RoutingOptions = { ...options, alsoWanted: await alsoWanted(options) };
  const plan = planApply({
    ...routed,
    notes: options.notes,
    log: options.log,
    coverage,
    headers,
    after,
    to,
    lanes: options.lanes ?? DEFAULT_LANES,
    target: redactUri(options.target),
  });
  return { plan, timeline, range, routing: new Routing(routed) };
}

/** Only a filter can leave out what a rename brings in. */
async function alsoWanted(options: Pick<ApplyOptions, "store" | "after" | "to"> & RoutingOptions): Promise<ReadonlySet<string>> {
  if (!new Routing(options).filters) return new Set();
  const ddl = await readDdlEvents(options.store, options.after, options.to);
  return wantedByRename(
    ddl.flatMap(({ namespace, to }) => (to === undefined ? [] : [{ namespace, to }])),
    options,
  );
}

/**
 * Applies the events of `(after, to]` to the target, which must hold what the source held at `after`. The whole range is verified before anything
 * is applied. Throws `OUTSIDE_COVERAGE`, `DAMAGED`, `APPLY_FAILED`, `FENCED`, `UNREACHABLE`.
 */
export function apply(options: ApplyOptions): Promise<ApplyReport> {
  return run(options, async ({ plan, range }) => {
    let segments = 0;
    const tell = () => options.onProgress?.({ phase: "verifying", segments: ++segments, segmentsInAll: plan.segments.count });
    await verifyRange(options.store, range, options.signal, tell);
  });
}

/** The same for a range that was verified before. */
export function applyVerified(options: ApplyOptions): Promise<ApplyReport> {
  return run(options, async () => {});
}

async function run(options: ApplyOptions, verify: (prepared: Prepared) => Promise<void>): Promise<ApplyReport> {
  const started = Date.now();
  const prepared = await prepare(options);
  const lanes = options.lanes ?? DEFAULT_LANES;
  // Building an index may take hours; whether the server is there is the business of the driver's monitor.
  const client = makeClient(options.target, "target", { socketTimeoutMS: 0, maxPoolSize: lanes + 4 });
  using _ = closeWhenCancelled(client, options.signal);
  try {
    await client.db("admin").command({ ping: 1 });
    await verify(prepared);
    const term = new TargetTerm();
    await using progress = await Progress.open(client, requestOf(options), options.resume ?? false, term);
    return await new Applying(options, prepared, client, progress, term).run(started);
  } finally {
    await client.close();
  }
}

/** The same apply has the same text. */
const requestOf = ({ log, after, to, ns = [], excludeNs = [], renames = [], users = false, base }: ApplyOptions): string =>
  JSON.stringify([
    log,
    formatClusterTime(after),
    formatClusterTime(to),
    ns,
    excludeNs,
    renames,
    users,
    base ? formatClusterTime(base.until) : null,
  ]);

/** One apply under way: passes over the log, each from the last mark, until one comes to the end. */
class Applying {
  private readonly interruptions: string[] = [];

  constructor(
    private readonly options: ApplyOptions,
    private readonly prepared: Prepared,
    private readonly client: MongoClient,
    private readonly progress: Progress,
    private readonly term: TargetTerm,
  ) {}

  async run(started: number): Promise<ApplyReport> {
    try {
      const report = await this.persist(started);
      report.notes.push(...(this.options.notes ?? []), ...this.interruptions, ...(await putBackTtl(this.client, this.progress.ttl)));
      await this.options.beforeEnd?.();
      await this.progress.end();
      return report;
    } catch (error) {
      // The marks stay, for whoever resumes; the target's own settings don't wait for that.
      await this.letGo();
      throw error;
    }
  }

  private async letGo(): Promise<void> {
    try {
      if (await putBackTtlAfterFailure(this.options.target, this.progress.ttl)) await this.progress.forgetTtl();
    } catch {
      // A target that is away: the settings stay remembered on it, and the error that brought us here is the one to report.
    }
  }

  /** Tries again while the target is away, as long as there is patience. */
  private async persist(started: number): Promise<ApplyReport> {
    const { signal, patienceMs = DEFAULT_PATIENCE_MS, onProgress } = this.options;
    let again = this.progress.resumed;
    let lastMark = this.progress.mark;
    for (let attempt = 1, awaySince = 0; ; attempt++) {
      try {
        return await this.pass(again, started);
      } catch (error) {
        if (!isPassing(error) || signal?.aborted) throw error;
        if (awaySince === 0 || this.progress.mark !== lastMark) [awaySince, attempt] = [Date.now(), 1];
        lastMark = this.progress.mark;
        const reason = describeError(error).message;
        if (Date.now() - awaySince > patienceMs)
          throw new OplogError("UNREACHABLE", `The target was away for ${Math.round((Date.now() - awaySince) / 1000)} s: ${reason}`, {
            cause: error,
            hint: "What was applied is marked on the target: run it again with --resume.",
          });
        onProgress?.({ phase: "waiting", reason });
        this.interruptions.push(`The target was interrupted (${reason}); apply went on from its last mark.`);
        await sleep(backoffMs(RETRY, attempt, Math.random()), undefined, { signal });
        again = true;
      }
    }
  }

  private async pass(again: boolean, started: number): Promise<ApplyReport> {
    const { client, progress, term, options, prepared } = this;
    const { store, base, signal, onProgress, lanes = DEFAULT_LANES } = options;
    const eventsInAll = prepared.plan.segments.events;
    term.reset();
    const note = await switchOffTtl(client, progress);
    const onEvents = (events: number) => onProgress?.({ phase: "applying", events, eventsInAll });
    const run = new ApplyRun({
      client,
      store,
      timeline: prepared.timeline,
      range: prepared.range,
      routing: prepared.routing,
      lanes,
      base,
      progress,
      again,
      term,
      signal,
      onEvents,
    });
    if (note) run.tally.note(note);
    const beyond = await run.run();
    await progress.confirm();
    return run.tally.report(beyond, Date.now() - started);
  }
}
