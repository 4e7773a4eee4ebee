import {
  type ClusterTime,
  clusterTime,
  documentsIn,
  type EventFormat,
  type PrintedPosition,
  positionOfEvent,
  printPosition,
  type Store,
} from "@oplog-collector/collector-core";
import type { MongoClient } from "mongodb";
import { ApplyTally } from "./apply-report.js";
import { unlessCancelled } from "./cancel.js";
import { CappedRepeat } from "./capped-repeat.js";
import { Catalog, type CollectionFacts } from "./catalog.js";
import { ChangeEventReader } from "./change-event.js";
import { runDdl } from "./ddl.js";
import { documentKeyOf } from "./document-key.js";
import type { Decoded, EventReader } from "./event-reader.js";
import type { EventPlace } from "./lane-window.js";
import { Lanes } from "./lanes.js";
import { type Ddl, isWrite, type Operation, splitNamespace, type Write } from "./operation.js";
import { OplogEntryReader } from "./oplog-entry.js";
import { comparePlaces, type LogPlace, type Progress } from "./progress.js";
import { isServersInAdmin, type Routing } from "./routing.js";
import { entryFinder, firstAfter, readSegments, type SegmentRange } from "./segment-range.js";
import { collectionUuid } from "./snapshot/ddl-events.js";
import type { ReplayFilter } from "./snapshot/replay-filter.js";
import type { ApplyMode } from "./statement.js";
import type { TargetTerm } from "./target-term.js";
import { renameViewOn, VIEWS, viewOf, writeView } from "./views.js";
import { writeByEntry } from "./write-entry.js";
import { applyFailed } from "./write-sender.js";

/** Events, and bytes of them, between two marks: what an interruption makes us apply again, and what may wait in memory for a slow lane. */
const MARK_EVENTS = 100_000;
const MARK_BYTES = 128 * 1024 * 1024;

export interface ApplyRunOptions {
  client: MongoClient;
  store: Store;
  /** Where the entries of a transaction that began before the range are found. */
  timeline: SegmentRange;
  range: SegmentRange;
  routing: Routing;
  lanes: number;
  base?: ReplayFilter;
  progress: Progress;
  /** Part of the range may be on the target already: a run before this one was interrupted. */
  again: boolean;
  term: TargetTerm;
  signal?: AbortSignal;
  onEvents: (seen: number) => void;
}

/** The key text of the one document of `admin.system.version` that goes with users. */
const AUTHENTICATION_SCHEMA = "2authSchema";

const IN_THE_BASE = "in the base snapshot already";

/** One pass over the log, from the last mark to the end of the range. */
export class ApplyRun {
  readonly tally: ApplyTally;
  private readonly catalog: Catalog;
  private readonly lanes: Lanes;
  private readonly readers: Record<"change-event" | "oplog-entry", EventReader>;
  private readonly capped: CappedRepeat;
  private readonly start: LogPlace | null;
  /** Events from here on that an interrupted run may have applied; none after the next DDL. Then the rest is new to the target. */
  private repeat: number;
  /** Something was applied since the last mark. */
  private dirty = false;
  /** The DDL before this has no mark yet: nothing may follow it without one. */
  private afterDdl = false;
  private events = 0;
  private bytes = 0;

  constructor(private readonly options: ApplyRunOptions) {
    const { client, store, timeline, progress, term, lanes, again } = options;
    this.start = progress.mark?.next ?? null;
    this.tally = new ApplyTally(progress.mark?.tally);
    this.catalog = new Catalog(client);
    this.lanes = new Lanes(client, lanes, { term, note: (text) => this.tally.note(text) });
    this.capped = new CappedRepeat(client);
    this.readers = { "change-event": new ChangeEventReader(), "oplog-entry": new OplogEntryReader(entryFinder(store, timeline)) };
    this.repeat = again ? (progress.mark?.ahead ?? MARK_EVENTS) : 0;
  }

  /** Returns the position of the first event that was not applied. */
  async run(): Promise<PrintedPosition | null> {
    try {
      const beyond = await this.readEvents();
      await this.endRepeat();
      await this.lanes.drain();
      return beyond;
    } finally {
      await this.lanes.settle();
    }
  }

  private async readEvents(): Promise<PrintedPosition | null> {
    const { range, store, signal, onEvents } = this.options;
    for await (const { header, payload } of readSegments(store, range, this.start?.segment)) {
      const reader = this.readers[header.format as keyof typeof this.readers];
      let event = -1;
      for (const bytes of documentsIn(payload)) {
        event++;
        reader.read(bytes);
        const time = clusterTime(reader.seconds, reader.ordinal);
        if (time <= range.after) continue;
        if (time > range.to) return printPosition(positionOfEvent(bytes, header.format));
        if (header.number === this.start?.segment && event < this.start.event) continue;
        const place = { segment: header.number, event, operation: 0, clusterTime: time };
        if (this.repeat === 0 && (this.events >= MARK_EVENTS || this.bytes >= MARK_BYTES)) await this.mark(place);
        const waiting = this.applyEvent(bytes, header.format, reader, place);
        if (!waiting) continue;
        await waiting;
        signal?.throwIfAborted();
      }
      onEvents(this.tally.seen);
      signal?.throwIfAborted();
    }
    const beyond = await firstAfter(store, range);
    return beyond && printPosition(beyond);
  }

  /** Returns a promise only where there is something to wait for: most writes just join a window. */
  private applyEvent(bytes: Buffer, format: EventFormat, reader: EventReader, place: EventPlace): Promise<void> | undefined {
    this.tally.begin(bytes, format);
    this.events++;
    this.bytes += bytes.length;
    const decoded = reader.decode();
    if (decoded instanceof Promise) return decoded.then((of) => this.applyDecoded(of, bytes, format, place));
    if (this.repeat > 0 || decoded.operations.length !== 1) return this.applyDecoded(decoded, bytes, format, place);
    const applied = this.applyOperation(decoded.operations[0]!, bytes, format, place);
    if (applied instanceof Promise) return applied.then((done) => this.tally.end(done));
    this.tally.end(applied);
    return undefined;
  }

  private async applyDecoded({ operations, skipped }: Decoded, bytes: Buffer, format: EventFormat, place: EventPlace): Promise<void> {
    if (skipped !== undefined) this.tally.skip(skipped);
    const { start } = this;
    const first = start?.segment === place.segment && start.event === place.event ? start.operation : 0;
    let applied = first > 0;
    for (let operation = first; operation < operations.length; operation++) {
      const done = await this.applyOperation(operations[operation]!, bytes, format, { ...place, operation });
      applied ||= done;
    }
    this.tally.end(applied);
    if (this.repeat === 1) await this.endRepeat();
    else if (this.repeat > 0) this.repeat--;
  }

  /** Whether it was applied, in full or as far as its lane's window. */
  private applyOperation(operation: Operation, bytes: Buffer, format: EventFormat, place: EventPlace): boolean | Promise<boolean> {
    const mode = this.modeOf(operation, bytes, format, place.clusterTime);
    if (mode === "skip") return this.leave(IN_THE_BASE, place);
    const { collection } = splitNamespace(operation.namespace);
    const ofView = collection === VIEWS && isWrite(operation);
    const route = this.options.routing.route(ofView ? viewOf(operation) : operation.namespace);
    if (route.skip !== undefined) return this.leave(route.skip, place);
    if (route.namespace === "admin.system.version" && isWrite(operation) && documentKeyOf(operation.key) !== AUTHENTICATION_SCHEMA)
      return this.leave("admin.system.version: the source's own feature version", place);
    this.tally.operation(place.clusterTime, true);
    if (!isWrite(operation)) return this.ddl(operation, route.namespace, place);
    if (ofView) return this.view(operation, route.namespace, place);
    const facts = this.catalog.known(route.namespace);
    if (!facts || this.repeat > 0 || this.afterDdl || facts.besideBuckets)
      return this.writeCarefully(operation, route.namespace, place, mode);
    this.dirty = true;
    const waiting = this.lanes.add(operation, route.namespace, facts, place, mode);
    return waiting ? waiting.then(() => true) : true;
  }

  private leave(why: string, place: EventPlace): false {
    this.tally.skip(why);
    this.tally.operation(place.clusterTime, false);
    return false;
  }

  private modeOf(operation: Operation, event: Buffer, format: EventFormat, time: ClusterTime): ApplyMode | "skip" {
    const { base } = this.options;
    // An entry of the oplog may hold operations on several collections, each with its UUID.
    const decided =
      !base || time > base.until ? "forward" : base.decide(operation.uuid ?? collectionUuid({ bytes: event, format }), operation, time);
    if (decided !== "skip" && operation.byClient) return operation.byClient.upserts ? "upsert" : "converge";
    // The target has users of its own.
    return decided === "forward" && isServersInAdmin(operation.namespace) ? "converge" : decided;
  }

  private async writeCarefully(write: Write, namespace: string, place: EventPlace, mode: ApplyMode): Promise<true> {
    if (this.afterDdl) await this.mark(place);
    const facts = this.catalog.known(namespace) ?? (await this.catalog.look(namespace));
    if (facts.besideBuckets) await this.byEntry({ ...write, namespace }, place, mode);
    else if (this.repeat === 0) await this.lanes.add(write, namespace, facts, place, mode);
    else if (facts.capped) this.capped.hold(namespace, write, place);
    else await this.writeAgain(write, namespace, facts, place, mode);
    this.dirty = true;
    return true;
  }

  private async byEntry(write: Write, place: EventPlace, mode: ApplyMode): Promise<void> {
    try {
      await writeByEntry(this.options.client, write, this.repeat > 0 && mode === "forward" ? "converge" : mode);
    } catch (error) {
      throw applyFailed({ namespace: write.namespace, command: write.kind }, place, (error as Error).message, error);
    }
  }

  /** A write that an interrupted run may have applied. */
  private async writeAgain(write: Write, namespace: string, facts: CollectionFacts, place: EventPlace, mode: ApplyMode): Promise<void> {
    if (!facts.unique) return this.lanes.add(write, namespace, facts, place, mode === "forward" ? "converge" : mode);
    const reached = await this.lanes.unique.reachedBy(namespace);
    if (!reached || comparePlaces(place, reached) > 0) await this.lanes.add(write, namespace, facts, place, mode);
  }

  private async ddl(ddl: Ddl, namespace: string, place: EventPlace): Promise<boolean> {
    const { client, routing, signal } = this.options;
    // The first thing after a mark: an interrupted run may have done just this.
    const again = this.repeat > 0 && !this.dirty;
    await this.endRepeat();
    await this.lanes.drain();
    if (this.dirty) await this.mark(place);
    const named = this.onTarget(ddl, namespace);
    try {
      const done = runDdl(client, named, again);
      await (named.kind === "createIndexes" ? unlessCancelled(done, signal) : done);
    } catch (error) {
      if (signal?.aborted) throw error;
      throw applyFailed({ namespace, command: ddl.kind }, place, (error as Error).message, error);
    }
    this.dirty = this.afterDdl = true;
    this.catalog.forget(namespace);
    if (ddl.kind === "rename") this.catalog.forget(routing.nameOnTarget(ddl.to));
    return true;
  }

  /** The operation under the names that things have on the target. */
  private onTarget(ddl: Ddl, namespace: string): Ddl {
    const { routing } = this.options;
    if (ddl.kind === "create" || ddl.kind === "collMod")
      return { ...ddl, namespace, options: renameViewOn(ddl.options, splitNamespace(ddl.namespace).db, routing) };
    if (ddl.kind !== "rename") return { ...ddl, namespace };
    const to = routing.route(ddl.to);
    // What gets a name that is left out is gone from among those that are wanted.
    return to.skip === undefined ? { ...ddl, namespace, to: to.namespace } : { kind: "drop", namespace };
  }

  /** Views must not change while collections of their database do; applying such a change again leads to the same end. */
  private async view(write: Write, view: string, place: EventPlace): Promise<boolean> {
    if (this.afterDdl) await this.mark(place);
    await this.lanes.drain();
    try {
      await writeView(this.options.client, write, view, this.options.routing);
    } catch (error) {
      throw applyFailed({ namespace: view, command: `${write.kind} of the view` }, place, (error as Error).message, error);
    }
    this.dirty = true;
    return true;
  }

  /** From here on nothing is on the target yet. */
  private async endRepeat(): Promise<void> {
    if (this.repeat === 0) return;
    for (const { write, namespace, place } of await this.capped.release())
      await this.lanes.add(write, namespace, await this.catalog.look(namespace), place, "converge");
    this.repeat = 0;
  }

  /** Everything before this place becomes durable on the target, and is never applied again. */
  private async mark({ segment, event, operation }: LogPlace): Promise<void> {
    await this.lanes.drain();
    await this.options.progress.save({ next: { segment, event, operation }, ahead: MARK_EVENTS, tally: this.tally.state() });
    this.dirty = this.afterDdl = false;
    this.events = this.bytes = 0;
  }
}
