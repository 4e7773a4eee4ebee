import type { Batch } from "../batch.js";
import type { ClusterTime } from "../cluster-time.js";
import { comparePositions, type Position, tokenData } from "../position.js";
import { decodeHeader, type SealedSegment, type SegmentHeader } from "../segment.js";
import type { CollectorStatus } from "../status.js";
import type { Checkpoint } from "../store.js";
import type { History } from "./history.js";
import type { Scenario } from "./scenario.js";
import type { SimulatedOplog } from "./simulated-oplog.js";
import type { SimulatedProcess } from "./simulated-process.js";
import type { VirtualTime } from "./virtual-time.js";

/** Sealed segments that wait, and the open one: what a collector may have in hand when it asks the source for more. */
const SEGMENTS_IN_HAND = 4;

/** Knows the source's whole history and sees every change of the log at the moment it becomes durable: says at once when the promise is broken. */
export class Witness {
  /** The first thing that was not as it must be. */
  violation: string | null = null;
  /** Of the history's events, those before this one are stored, or are lost in a gap. */
  durable = 0;
  /** The process that the checkpoint names as the log's writer. */
  holder: number | null = null;
  /** The end of what the log says it covers. */
  coveredTo: ClusterTime = -1n;
  /** Where a collector that starts now goes on. */
  private position: Position | null = null;
  /** Which of the history's events the log holds: from, to before. */
  readonly held: [number, number][] = [];
  readonly notes: string[] = [];
  private readonly history: History;
  private newest: { header: SegmentHeader; hash: Buffer } | null = null;
  private readonly readUpTo = new Map<SimulatedProcess, number>();
  private readonly gapsOf = new Map<SimulatedProcess, number>();

  constructor(
    private readonly oplog: SimulatedOplog,
    private readonly scenario: Scenario,
    private readonly time: VirtualTime,
    private readonly tracing: boolean,
  ) {
    this.history = oplog.history;
  }

  note(what: () => string): void {
    if (this.tracing) this.notes.push(`${((this.time.now % 86_400_000) / 1000).toFixed(3).padStart(9)} ${what()}`);
  }

  broken(what: string): void {
    this.note(() => `VIOLATION ${what}`);
    this.violation ??= what;
  }

  /** A segment is durable. */
  appended(segment: SealedSegment, by: SimulatedProcess): void {
    const header = decodeHeader(segment.header);
    const { newest } = this;
    const end = this.eventsUpTo(header.to);
    this.note(
      () =>
        `${by.pid} ==> segment ${header.number} ${header.kind}, ${header.events} events, up to ${end}, covers ${this.history.eventsUpToTime(header.coveredTo)}`,
    );
    const wrong = (what: string) => this.broken(`segment ${header.number} ${what}`);
    if (header.number !== (newest?.header.number ?? 0) + 1) wrong(`comes after ${newest?.header.number ?? "nothing"}`);
    if (newest ? !header.previous?.equals(newest.hash) : header.previous) wrong("is not chained to the one before it");
    if ((header.kind === "start") !== (newest === null)) wrong(`is of kind ${header.kind}`);
    if (header.kind === "events") {
      if (newest && comparePositions(header.from, newest.header.to) !== 0) wrong("does not begin where the one before it ended");
      this.checkEvents(segment.payload, header, end, wrong);
      if (newest && header.coveredTo < newest.header.coveredTo) wrong("covers less than the one before it");
    } else this.held.push([end, end]);
    if (header.kind === "gap") this.checkGap(header, end, by, wrong);
    if (this.history.eventsUpToTime(header.coveredTo) > end) wrong("covers a cluster time of which an event is still to come");
    if (header.kind !== "events" && this.history.eventsUpToTime(header.coveredTo) < end)
      wrong("says that events are captured which came before its beginning");
    this.newest = { header, hash: segment.hash };
    this.position = header.to;
    this.durable = end;
    this.coveredTo = header.coveredTo;
  }

  /** A checkpoint is durable. */
  checkpointed(checkpoint: Checkpoint, by: SimulatedProcess): void {
    this.holder = checkpoint.writer?.pid ?? null;
    const number = this.newest?.header.number ?? 0;
    const end = this.eventsUpTo(checkpoint.position);
    this.note(
      () =>
        `${by.pid} ==> checkpoint after ${checkpoint.afterSegment}, up to ${end}, covers ${this.history.eventsUpToTime(checkpoint.coveredTo)}${checkpoint.writer ? "" : ", released"}`,
    );
    if (checkpoint.afterSegment > number) this.broken(`a checkpoint after segment ${checkpoint.afterSegment}, which is not stored`);
    if (checkpoint.afterSegment !== number) return; // says nothing any more
    if (end > this.durable) this.broken(`a checkpoint passes ${end - this.durable} events that are not stored`);
    if (this.history.eventsUpToTime(checkpoint.coveredTo) > end)
      this.broken("a checkpoint covers a cluster time of which an event is still to come");
    const { newest } = this;
    // One that a network had held back may take back a later one: what it says of is complete all the same.
    if (!newest || comparePositions(checkpoint.position, newest.header.to) < 0) return;
    this.position = checkpoint.position;
    this.coveredTo = checkpoint.coveredTo > newest.header.coveredTo ? checkpoint.coveredTo : newest.header.coveredTo;
  }

  status(status: CollectorStatus, by: SimulatedProcess): void {
    if (status.state === "running" && !this.newest) this.broken("running before the start is durable");
    if (status.position && this.eventsUpTo(status.position) > this.durable)
      this.broken(`the status of ${by.pid} shows a position that is not durable`);
    if (status.coveredTo !== null && this.history.eventsUpToTime(status.coveredTo) > this.durable)
      this.broken(`the status of ${by.pid} shows coverage that is not durable`);
    if (status.state === "retrying_connection" && !status.error) this.broken("retrying, and the status does not say why");
  }

  /** The collector has taken the batches before, and asks for the next. */
  asksForMore(by: SimulatedProcess): void {
    const inHand = (this.readUpTo.get(by) ?? 0) - this.durable;
    if (inHand > SEGMENTS_IN_HAND * this.scenario.limits.events) this.broken(`${by.pid} has ${inHand} events in hand and asks for more`);
  }

  goesOnAfter(position: Position, by: SimulatedProcess): void {
    this.readUpTo.set(by, this.eventsUpTo(position));
  }

  read(batch: Batch, by: SimulatedProcess): void {
    this.note(
      () =>
        `${by.pid} reads ${batch.events} events, up to ${this.eventsUpTo(batch.position)}, covers ${this.history.eventsUpToTime(batch.coveredTo)}`,
    );
    this.readUpTo.set(by, this.eventsUpTo(batch.position));
  }

  /** All that was ever to be captured is durable, and the log says so. */
  get isComplete(): boolean {
    const last = this.history.events.at(-1);
    return this.newest !== null && this.durable === this.history.events.length && (!last || this.coveredTo >= last.time);
  }

  /** Whether the source has cut off what follows the log. A place found by time is lost with the oldest entry itself (as on 6.0.5). */
  get isHistoryLost(): boolean {
    if (!this.position) return false;
    const { clusterTime } = this.position;
    return this.scenario.unknownTokens > 0 ? clusterTime <= this.oplog.oldest() : clusterTime < this.oplog.oldest();
  }

  get isEmpty(): boolean {
    return this.newest === null;
  }

  inHand(by: SimulatedProcess): number {
    return (this.readUpTo.get(by) ?? 0) - this.durable;
  }

  eventsUpTo(position: Position): number {
    return this.history.eventsUpToToken(tokenData(position.token!));
  }

  private checkEvents(payload: Buffer, header: SegmentHeader, end: number, wrong: (what: string) => void): void {
    let at = 0;
    for (let index = this.durable; index < end; index++) {
      const { bytes } = this.history.events[index]!;
      if (payload.compare(bytes, 0, bytes.length, at, at + bytes.length) !== 0) {
        wrong(`lacks event ${index}, or holds it changed or in another place`);
        return;
      }
      at += bytes.length;
    }
    if (at !== payload.length) wrong(`holds ${payload.length - at} bytes more than the events up to its end`);
    if (header.events !== end - this.durable) wrong(`holds ${end - this.durable} events and says ${header.events}`);
    if (header.bytes !== payload.length) wrong("has the wrong size in its header");
    const counted = header.counts.reduce((sum, { events }) => sum + events, 0);
    if (counted !== header.events) wrong(`counts ${counted} of ${header.events} events`);
    const held = this.held.at(-1);
    if (held) held[1] = end;
  }

  private checkGap(header: SegmentHeader, end: number, by: SimulatedProcess, wrong: (what: string) => void): void {
    const gaps = (this.gapsOf.get(by) ?? 0) + 1;
    this.gapsOf.set(by, gaps);
    if (gaps > by.gapsAllowed) wrong(`is gap ${gaps} of a run that may leave ${by.gapsAllowed}`);
    if (end < this.durable) wrong("is a gap that ends before it begins");
    const { source, history } = this.scenario;
    if (!this.isHistoryLost && source.spuriousLoss === 0) wrong("is a gap where the source still has what follows");
    // How far it reaches back can't always be known: not by who may not read the oplog, and not through mongos.
    const isKnown = source.fatal === 0 && source.spuriousLoss === 0 && !history.sharded;
    if (isKnown && header.to.clusterTime > this.oplog.oldest() + 1n) wrong("is a gap that leaves out more than the source has cut off");
    if (this.eventsUpTo(header.from) !== this.durable || this.history.eventsUpToTime(header.from.clusterTime) > this.durable)
      wrong("is a gap that does not begin where the log ends");
  }
}
