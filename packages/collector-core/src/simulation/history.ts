import { Binary, BSON, Long, Timestamp, UUID } from "mongodb";
import { type ClusterTime, clusterTime } from "../cluster-time.js";
import { rawElement, rawElements } from "../raw-bson.js";
import type { Random } from "./random.js";

/** An event as the log has to hold it. */
export interface HistoryEvent {
  bytes: Buffer;
  /** The text of its token. */
  token: string;
  time: ClusterTime;
}

/** What a reply carries: a whole event, or a fragment of one. */
export interface WireDocument {
  bytes: Buffer;
  token: string;
  tokenDocument: Buffer;
  time: ClusterTime;
  /** When a majority has it, in milliseconds. */
  at: number;
  /** After an invalidate the server closes the cursor. */
  endsStream: boolean;
}

/** One moment of the source's oplog, with its events, or with none: a no-op, or a write that the stream does not show. */
export interface OplogEntry {
  time: ClusterTime;
  at: number;
}

export interface HistoryShape {
  /** From when to about when it has events, in milliseconds; no-ops come before and after. */
  from: number;
  to: number;
  events: number;
  /** Events of one cluster time may come one by one, with idle replies between: other shards sent them. */
  sharded: boolean;
  /** Some events come in fragments. */
  split: boolean;
  /** Some events end the stream. */
  invalidates: boolean;
}

/** A quiet source's own no-ops. */
const NOOP_INTERVAL_MS = 10_000;

/** How long no-ops go on past the last event: longer than any run. */
const NOOPS_AFTER_MS = 20 * 60_000;

/** Everything that a source will ever show, made beforehand: what the log is compared with. */
export class History {
  readonly events: HistoryEvent[] = [];
  readonly wire: WireDocument[] = [];
  readonly entries: OplogEntry[] = [];
  private ordinal = 0;
  private serial = 0;

  constructor(
    private readonly random: Random,
    private readonly shape: HistoryShape,
  ) {
    const pause = (shape.to - shape.from) / Math.max(1, shape.events / 2);
    let at = shape.from;
    let noop = shape.from;
    this.addEntry(at - NOOP_INTERVAL_MS);
    while (this.events.length < shape.events) {
      const next = at + (random.chance(0.5) ? 0 : random.next() * 2 * pause);
      for (; noop < next; noop += NOOP_INTERVAL_MS) this.addEntry(noop);
      at = Math.max(next, this.entries.at(-1)!.at);
      if (random.chance(0.1)) this.addEntry(at);
      at = this.addEvents(at, random.chance(0.3) ? random.between(2, 7) : 1);
    }
    for (const end = at + NOOPS_AFTER_MS; noop < end; noop += NOOP_INTERVAL_MS) this.addEntry(noop);
  }

  /** How many events are up to that place. */
  eventsUpToToken(token: string): number {
    return countWhile(this.events, (event) => event.token <= token);
  }

  eventsUpToTime(time: ClusterTime): number {
    return countWhile(this.events, (event) => event.time <= time);
  }

  private addEntry(at: number): OplogEntry {
    const last = this.entries.at(-1);
    const entry = { at: Math.max(at, last?.at ?? 0), time: this.nextTime(at, last?.time ?? 0n) };
    this.entries.push(entry);
    return entry;
  }

  private nextTime(at: number, last: ClusterTime): ClusterTime {
    const first = clusterTime(Math.floor(at / 1000), 1);
    this.ordinal = this.random.chance(0.8) ? 1 : this.random.between(1, 5);
    return first > last ? first : last + BigInt(this.ordinal);
  }

  /** The events of one entry: more than one are a transaction's. Returns when the last of them can be seen. */
  private addEvents(at: number, count: number): number {
    const { random, shape } = this;
    const entry = this.addEntry(at);
    const transaction =
      count > 1 ? { lsid: { id: new UUID(Buffer.alloc(16, ++this.serial)) }, txnNumber: Long.fromNumber(this.serial) } : {};
    let visible = entry.at;
    for (let index = 0; index < count; index++) {
      if (index > 0 && shape.sharded && random.chance(0.3)) visible += random.next() * 3000;
      const invalidate = shape.invalidates && index === count - 1 && random.chance(0.05);
      this.addEvent(entry.time, index, visible, transaction, invalidate);
    }
    entry.at = visible;
    return visible;
  }

  private addEvent(time: ClusterTime, index: number, at: number, transaction: object, invalidate: boolean): void {
    const { random } = this;
    const number = this.events.length;
    const fragments = this.shape.split && random.chance(0.1) ? random.between(2, 3) : 1;
    // The last fragment's token is the event's.
    const tokens = Array.from({ length: fragments }, (_, fragment) => eventToken(time, index, fragment));
    const token = tokenDocument(tokens.at(-1)!, random.chance(0.1));
    const common = { clusterTime: new Timestamp(time), wallTime: new Date(Math.floor(at)), ...transaction };
    const rest = invalidate
      ? { operationType: "invalidate", ...common }
      : {
          operationType: random.pick(["insert", "update", "delete"]),
          ...common,
          ns: { db: random.pick(["shop", "stock"]), coll: random.pick(["orders", "lines"]) },
          documentKey: { _id: number },
          fullDocument: { _id: number, text: "x".repeat(random.chance(0.1) ? random.between(100, 2000) : random.between(0, 40)) },
        };
    const bytes = wrap([element(0x03, "_id", token), Buffer.from(BSON.serialize(rest)).subarray(4, -1)]);
    this.events.push({ bytes, token: tokens.at(-1)!, time });
    if (fragments === 1) this.wire.push({ bytes, token: tokens[0]!, tokenDocument: token, time, at, endsStream: invalidate });
    else this.addFragments(bytes, tokens, token, time, at, invalidate);
  }

  private addFragments(event: Buffer, tokens: string[], lastToken: Buffer, time: ClusterTime, at: number, endsStream: boolean): void {
    const elements = [...rawElements(event)].filter(({ name }) => name !== "_id");
    const of = tokens.length;
    const each = Math.ceil(elements.length / of);
    tokens.forEach((token, fragment) => {
      const last = fragment === of - 1;
      const document = last ? lastToken : tokenDocument(token, false);
      const head = BSON.serialize({ _id: {}, splitEvent: { fragment: fragment + 1, of } });
      const split = rawElement(Buffer.from(head), "splitEvent")!;
      const parts = [
        element(0x03, "_id", document),
        Buffer.from(head.subarray(split.start, split.end)),
        ...elements.slice(fragment * each, (fragment + 1) * each).map(({ start, end }) => event.subarray(start, end)),
      ];
      this.wire.push({ bytes: wrap(parts), token, tokenDocument: document, time, at, endsStream: endsStream && last });
    });
  }
}

const hex = (value: bigint | number, digits: number): string => value.toString(16).toUpperCase().padStart(digits, "0");

/** As a server's: the cluster time, then for an event what orders it within that time. */
const eventToken = (time: ClusterTime, index: number, fragment: number): string =>
  `82${hex(time, 16)}2B022C0100296E5A1004${hex(index, 4)}${fragment > 0 ? `46${hex(fragment, 2)}` : ""}04`;

/** Before every event of its time. */
export const highWaterToken = (time: ClusterTime): string => `82${hex(time, 16)}2B0229296E04`;

/** Clustered collections' tokens have a second field. */
export const tokenDocument = (data: string, typeBits = false): Buffer =>
  Buffer.from(BSON.serialize({ _data: data, ...(typeBits && { _typeBits: new Binary(Buffer.from([0x40])) }) }));

/** One element's bytes. */
export const element = (type: number, name: string, value: Buffer): Buffer =>
  Buffer.concat([Buffer.from([type]), Buffer.from(`${name}\0`), value]);

/** A document (or an array) of elements' bytes. */
export function wrap(elements: Buffer[]): Buffer {
  const length = elements.reduce((sum, part) => sum + part.length, 5);
  const bytes = Buffer.alloc(length);
  bytes.writeInt32LE(length);
  let at = 4;
  for (const part of elements) at += part.copy(bytes, at);
  return bytes;
}

/** How many items from the first on the test holds for; once it fails it fails for all that follow. */
export function countWhile<T>(items: readonly T[], test: (item: T) => boolean): number {
  let [low, high] = [0, items.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (test(items[middle]!)) low = middle + 1;
    else high = middle;
  }
  return low;
}
