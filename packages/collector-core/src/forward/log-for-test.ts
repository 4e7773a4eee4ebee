import { BSON, Timestamp } from "mongodb";
import { type ClusterTime, clusterTime, dateOf } from "../cluster-time.js";
import { type Position, positionOfToken, tokenFromData } from "../position.js";
import { type SegmentHeader, sealSegment } from "../segment.js";
import type { Store } from "../store.js";
import { memoryStoreLocation } from "../stores/memory-store.js";

/** One change; what is left out is made up. */
export interface ChangeForTest {
  op?: string;
  ns?: string;
  id?: unknown;
  /** The ordinal of its cluster time; the events of a transaction share one. @default the one after the event before it */
  time?: number;
  fields?: Record<string, unknown>;
}

/** The second of all its events: any. */
const SECOND = 1_700_000_000;

/** A log whose segments a test cuts as it likes, with change events in the server's form. */
export class LogForTest {
  private previous: Buffer | null = null;
  private number = 0;
  private ordinal = 0;
  private serial = 0;
  private end = positionAt(clusterTime(SECOND, 0), 0);
  private inTransaction = false;
  /** Those with events. */
  readonly segments: { segment: number; count: number }[] = [];

  private constructor(
    readonly store: Store,
    readonly name: string,
  ) {}

  /** With its first segment. */
  static async begin(name = "shop", store?: Store): Promise<LogForTest> {
    const log = new LogForTest(store ?? (await memoryStoreLocation().log(name)), name);
    await log.append({ kind: "start", to: log.end, coveredTo: log.end.clusterTime }, []);
    return log;
  }

  /**
   * Appends a segment; `coveredTo` is an ordinal, of the last event unless told. With `endsInTransaction` the first event of the next one has the
   * time of this one's last.
   */
  async add(
    changes: readonly ChangeForTest[],
    { coveredTo, endsInTransaction = false }: { coveredTo?: number; endsInTransaction?: boolean } = {},
  ): Promise<void> {
    const events = changes.map((change, i) => this.event(i === 0 && this.inTransaction ? { time: this.ordinal, ...change } : change));
    this.inTransaction = endsInTransaction;
    const to = positionAt(clusterTime(SECOND, this.ordinal), this.serial);
    const covered = clusterTime(SECOND, coveredTo ?? (endsInTransaction ? this.ordinal - 1 : this.ordinal));
    await this.append({ kind: "events", to, coveredTo: covered }, events);
    this.segments.push({ segment: this.number, count: events.length });
  }

  /** So many inserts, of different documents. */
  inserts(count: number, from = 0): ChangeForTest[] {
    return Array.from({ length: count }, (_, i) => ({ id: from + i }));
  }

  async gap(cause: string): Promise<void> {
    this.ordinal += 10;
    const to = positionAt(clusterTime(SECOND, this.ordinal), this.serial);
    const gap = { cause, detectedAt: new Date(SECOND * 1000) };
    await this.append({ kind: "gap", to, coveredTo: to.clusterTime, gap }, []);
  }

  private event({ op = "insert", ns = "shop.orders", id = this.serial, time, fields }: ChangeForTest): Buffer {
    this.ordinal = time ?? this.ordinal + 1;
    this.serial++;
    const at = clusterTime(SECOND, this.ordinal);
    const [db, ...coll] = ns.split(".");
    const one = ["insert", "update", "replace", "delete"].includes(op);
    return Buffer.from(
      BSON.serialize({
        _id: BSON.deserialize(positionAt(at, this.serial).token!),
        operationType: op,
        clusterTime: new Timestamp(at),
        wallTime: dateOf(at),
        ns: { db, coll: coll.join(".") },
        ...(one && { documentKey: { _id: id } }),
        ...fields,
      }),
    );
  }

  private async append(
    fields: Pick<SegmentHeader, "kind" | "to" | "coveredTo"> & Partial<SegmentHeader>,
    events: readonly Buffer[],
  ): Promise<void> {
    const payload = Buffer.concat(events);
    const segment = sealSegment(
      {
        number: ++this.number,
        log: this.name,
        previous: this.previous,
        sealedAt: new Date(),
        from: this.end,
        format: "change-event",
        events: events.length,
        bytes: payload.length,
        counts: [],
        codec: "none",
        ...fields,
      },
      payload,
    );
    await this.store.append(segment);
    this.previous = segment.hash;
    this.end = fields.to;
  }
}

const positionAt = (time: ClusterTime, serial: number): Position =>
  positionOfToken(tokenFromData(`82${time.toString(16).padStart(16, "0")}2B022C0100296E${serial.toString(16).padStart(8, "0")}`));
