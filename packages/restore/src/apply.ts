import {
  type ClusterTime,
  clusterTime,
  documentsIn,
  type EventFormat,
  makeClient,
  ordinalOf,
  type PrintedPosition,
  positionOfEvent,
  printPosition,
  readCoverage,
  redactUri,
  type SegmentHeader,
  type Store,
  secondsOf,
} from "@oplog-collector/collector-core";
import type { MongoClient } from "mongodb";
import { type ApplyReport, ApplyTally } from "./apply-report.js";
import { Catalog } from "./catalog.js";
import { ChangeEventReader } from "./change-event.js";
import { runDdl } from "./ddl.js";
import type { EventReader } from "./event-reader.js";
import type { EventPlace } from "./lane.js";
import { Lanes } from "./lanes.js";
import { entryFinder, headersOf, type LogRange, readRange, verifyRange } from "./log-range.js";
import { isWrite, type Operation } from "./operation.js";
import { OplogEntryReader } from "./oplog-entry.js";
import { type Plan, planApply, rangeFor } from "./plan.js";
import { Routing, type RoutingOptions } from "./routing.js";
import { collectionUuid } from "./snapshot/ddl-events.js";
import type { ReplayFilter } from "./snapshot/replay-filter.js";
import type { ApplyMode } from "./statement.js";
import { applyFailed } from "./write-sender.js";

/** On two cores more lanes gave no more events a second. */
export const DEFAULT_LANES = 4;

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
  /** Over a base snapshot: which operations are in what was loaded already. */
  base?: ReplayFilter;
}

/** What `apply` would do. */
export async function planOf(options: ApplyOptions): Promise<Plan> {
  const coverage = await readCoverage(options.store);
  const range = rangeFor(coverage, options.after, options.to);
  const headers: SegmentHeader[] = [];
  for await (const header of headersOf(options.store, range)) headers.push(header);
  return planApply({ ...options, coverage, headers, lanes: options.lanes ?? DEFAULT_LANES, target: redactUri(options.target) });
}

/** Applies the events of `(after, to]` to the target. */
export async function apply(options: ApplyOptions): Promise<ApplyReport> {
  const started = Date.now();
  const coverage = await readCoverage(options.store);
  const range = rangeFor(coverage, options.after, options.to);
  await verifyRange(options.store, range);
  const client = makeClient(options.target, "target");
  try {
    const run = new ApplyRun(client, options, range);
    const firstNotApplied = await run.run();
    return run.tally.report(firstNotApplied, Date.now() - started, []);
  } finally {
    await client.close();
  }
}

const IN_THE_BASE = "in the base snapshot already";

class ApplyRun {
  readonly tally = new ApplyTally();
  private readonly routing: Routing;
  private readonly catalog: Catalog;
  private readonly lanes: Lanes;
  private readonly readers: Record<"change-event" | "oplog-entry", EventReader>;

  constructor(
    private readonly client: MongoClient,
    private readonly options: ApplyOptions,
    private readonly range: LogRange,
  ) {
    this.routing = new Routing(options);
    this.catalog = new Catalog(client);
    this.lanes = new Lanes(client, options.lanes ?? DEFAULT_LANES);
    this.readers = { "change-event": new ChangeEventReader(), "oplog-entry": new OplogEntryReader(entryFinder(options.store, range)) };
  }

  /** Returns the position of the first event that was not applied. */
  async run(): Promise<PrintedPosition | null> {
    try {
      const beyond = await this.readEvents();
      await this.lanes.drain();
      return beyond;
    } finally {
      await this.lanes.settle();
    }
  }

  private async readEvents(): Promise<PrintedPosition | null> {
    const { after, to } = this.range;
    for await (const { header, payload } of readRange(this.options.store, this.range)) {
      const reader = this.readers[header.format as keyof typeof this.readers];
      for (const event of documentsIn(payload)) {
        reader.read(event);
        const { seconds, ordinal } = reader;
        if (seconds < secondsOf(after) || (seconds === secondsOf(after) && ordinal <= ordinalOf(after))) continue;
        if (seconds > secondsOf(to) || (seconds === secondsOf(to) && ordinal > ordinalOf(to)))
          return printPosition(positionOfEvent(event, header.format));
        await this.applyEvent(event, header.format, reader, { segment: header.number, clusterTime: clusterTime(seconds, ordinal) });
      }
    }
    return null;
  }

  private async applyEvent(event: Buffer, format: EventFormat, reader: EventReader, place: EventPlace): Promise<void> {
    this.tally.event(event, format);
    const { operations, skipped } = await reader.decode();
    if (skipped !== undefined) this.tally.skip(skipped);
    let taken = false;
    for (const operation of operations) {
      const mode = this.modeOf(operation, event, format, place.clusterTime);
      const applied = mode !== "skip" && (await this.applyOperation(operation, place, mode));
      this.tally.operation(place.clusterTime, applied);
      taken ||= applied;
    }
    if (taken) this.tally.events++;
  }

  private modeOf(operation: Operation, event: Buffer, format: EventFormat, time: ClusterTime): ApplyMode | "skip" {
    const { base } = this.options;
    if (!base || time > base.until) return "forward";
    // An entry of the oplog may hold operations on several collections, each with its UUID.
    const mode = base.decide(operation.uuid ?? collectionUuid({ bytes: event, format }), operation, time);
    if (mode === "skip") this.tally.skip(IN_THE_BASE);
    return mode;
  }

  private async applyOperation(operation: Operation, place: EventPlace, mode: ApplyMode): Promise<boolean> {
    const route = this.routing.route(operation.namespace);
    if (route.skip !== undefined) {
      this.tally.skip(route.skip);
      return false;
    }
    if (isWrite(operation)) {
      const facts = this.catalog.known(route.namespace) ?? (await this.catalog.look(route.namespace));
      await this.lanes.add(operation, route.namespace, facts.ordered, place, mode);
      return true;
    }
    await this.lanes.drain();
    try {
      await runDdl(this.client, { ...operation, namespace: route.namespace }, false);
    } catch (error) {
      throw applyFailed({ namespace: route.namespace, command: operation.kind }, place, (error as Error).message, error);
    }
    this.catalog.forget(route.namespace);
    if (operation.kind === "rename") this.catalog.forget(operation.to);
    return true;
  }
}
