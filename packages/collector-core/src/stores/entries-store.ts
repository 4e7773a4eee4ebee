import { setImmediate as nextTurn } from "node:timers/promises";
import { Binary, type Collection, type Db, type MongoServerError, Timestamp } from "mongodb";
import type { ClusterTime } from "../cluster-time.js";
import { isOplogError, OplogError } from "../errors.js";
import { runWithDocuments } from "../raw-command.js";
import { decodeHeader, readPayload, type SealedSegment } from "../segment.js";
import type { Checkpoint } from "../store.js";
import { DUPLICATE_KEY } from "./duplicate-key.js";
import { MongodbStore, SEGMENTS_PREFIX } from "./mongodb-store.js";
import { type EntrySegment, EntryWriter } from "./stored-entry.js";

/** Beside the entries, `oplogs_<log>`: the log's segments. */
export const ENTRIES_SEGMENTS_SUFFIX = ".segments";

const SEAL_BYTES = 8;

/** Deleted at a time: well within the socket's timeout. */
const REMOVED_AT_ONCE = 50_000;

/** For time, namespace and document. Each takes a tenth of what an entry costs the server. */
const INDEXES = [
  { key: { ts: 1 }, name: "time" },
  { key: { ns: 1, ts: 1 }, name: "namespace" },
  { key: { ns: 1, "doc_key._id": 1 }, name: "document" },
] as const;

/** Sent in one command: so the documents of the next ones are made while the server is at these. Few enough for that, and enough for its work to count. */
const EVENTS_AT_ONCE = 1_000;

/** Far below the 48 MB of a command. */
const EVENT_BYTES_AT_ONCE = 8 * 1024 * 1024;

/** Commands under way at a time: a server works on each with one thread, and more than these only wait for one another. */
const LANES = 2;

/** A segment's events as documents. */
interface Entries {
  segment: EntrySegment;
  /** Some at a time, made when asked for, in that buffer if they fit. */
  batches(): Iterable<(room: Buffer) => Buffer>;
}

/**
 * One log in a MongoDB database, and beside its segments one document an event in `oplogs_<log>`, for who queries them. The log is that of the
 * other layout, and depends on no entry. A segment is acknowledged when its entries are stored as well: so only those of the newest can be
 * missing, after a crash, and whoever writes next stores them first. That is done any number of times: an entry's key is its event's place.
 */
export class EntriesStore extends MongodbStore {
  readonly showsEvents = true;
  readonly #entries: Collection;
  /** For the documents of the next command: megabytes that are made anew a hundred times a second keep the garbage collector busy. */
  readonly #rooms: Buffer[] = [];
  #indexing: Promise<unknown> | undefined;
  #completing: Promise<void> | undefined;

  constructor(
    private readonly db: Db,
    name: string,
    documentBytes?: number,
  ) {
    super(db, name, documentBytes, ENTRIES_SEGMENTS_SUFFIX);
    this.#entries = db.collection(`${SEGMENTS_PREFIX}${name}`);
  }

  /** Its many objects are the entries, for those who query them. */
  override get bundling(): undefined {
    return undefined;
  }

  override async append(segment: SealedSegment): Promise<"stored" | "taken"> {
    await this.#complete();
    try {
      const appended = super.append(segment);
      appended.catch(() => {}); // thrown where it is awaited
      const entries = await entriesOf(segment);
      const answer = await appended;
      // Taken by this very segment: by a try that may not have come to its entries.
      if (entries && (answer === "stored" || (await this.#holds(segment.number, sealOf(segment.hash))))) await this.#insert(entries);
      return answer;
    } catch (error) {
      this.#completing = undefined; // the segment may be there, and its entries not
      throw error;
    }
  }

  override async writeCheckpoint(checkpoint: Checkpoint, options?: { takeOver?: boolean }): Promise<"stored" | "fenced"> {
    await this.#complete();
    return super.writeCheckpoint(checkpoint, options);
  }

  override async remove(upTo?: number): Promise<void> {
    if (upTo === undefined) {
      await super.remove();
      this.#indexing = undefined;
      return void (await this.#entries.drop());
    }
    const latest = await this.#latestUpTo(upTo);
    await super.remove(upTo);
    for (;;) {
      // By time, as there is an index for that; those which an interrupted removal left have earlier ones.
      const removed = { ts: { $lte: new Timestamp(latest) }, segment: { $lte: upTo } };
      const [next] = await this.#entries
        .find(removed, { sort: { ts: 1 }, projection: { ts: 1 }, skip: REMOVED_AT_ONCE, limit: 1 })
        .toArray();
      await this.#entries.deleteMany(next ? { ...removed, ts: { $lte: next.ts } } : removed);
      if (!next) return;
    }
  }

  /** The latest time of an event in the segments up to a number. */
  async #latestUpTo(number: number): Promise<ClusterTime> {
    let latest = 0n;
    for await (const found of this.headers()) {
      if (found.number > number) break;
      const { clusterTime } = decodeHeader(found.header).to;
      if (clusterTime > latest) latest = clusterTime;
    }
    return latest;
  }

  /** Before the first write, and after one that failed: who wrote last may have died before the entries of its segment. */
  #complete(): Promise<void> {
    this.#completing ??= (async () => {
      const newest = await this.segments.findOne({}, { sort: { _id: -1 }, projection: { _id: 1 } });
      const segment = newest && (await this.read(newest._id).catch(isDamaged));
      const entries = segment && (await entriesOf(segment));
      if (entries) await this.#insert(entries);
    })();
    this.#completing.catch(() => (this.#completing = undefined)); // the next one tries again
    return this.#completing;
  }

  async #insert({ segment, batches }: Entries): Promise<void> {
    this.#indexing ??= this.#entries.createIndexes([...INDEXES]);
    this.#indexing.catch(() => (this.#indexing = undefined));
    await this.#indexing;
    const underWay: Promise<void>[] = [];
    for (const make of batches()) {
      if (underWay.length === LANES) await underWay.shift();
      const documents = make(this.#rooms.pop() ?? Buffer.alloc(0));
      const inserted = this.#insertBatch(documents, segment).then(() => void this.#rooms.push(documents));
      inserted.catch(() => {}); // thrown where it is awaited
      underWay.push(inserted);
      await nextTurn(); // it is sent before the next ones are made
    }
    await Promise.all(underWay);
  }

  async #insertBatch(documents: Buffer, { number, seal }: EntrySegment): Promise<void> {
    const command = { insert: this.#entries.collectionName, ordered: false, writeConcern: { w: "majority", j: true } };
    for (;;) {
      const { writeErrors = [], writeConcernError } = await runWithDocuments(this.db, command, { name: "documents", chunks: [documents] });
      const failed = writeConcernError ?? writeErrors.find(({ code }: MongoServerError) => code !== DUPLICATE_KEY);
      if (failed) throw new OplogError("STORE_FAILED", `An entry of segment ${number} was not stored: ${failed.errmsg}`, { cause: failed });
      if (writeErrors.length === 0) return;
      const others = {
        _id: { $in: writeErrors.map(({ keyValue }: { keyValue: { _id: unknown } }) => keyValue._id) },
        seal: { $ne: new Binary(seal) },
      };
      const strays = await this.#entries.find(others, { projection: { segment: 1, seal: 1 } }).toArray();
      if (strays.length === 0) return; // there already, from an earlier try
      for (const stray of new Map(strays.map((one) => [`${one.segment} ${one.seal}`, one])).values())
        if (await this.#holds(stray.segment, Buffer.from(stray.seal.value()))) throw entryTaken(number, stray.segment);
      await this.#entries.deleteMany(others); // left by a removal that did not come to its end
    }
  }

  /** Whether the log holds the segment with that seal. */
  async #holds(number: number, seal: Buffer): Promise<boolean> {
    const found = await this.segments.findOne({ _id: number }, { projection: { hash: 1 } });
    return found?.hash instanceof Binary && sealOf(Buffer.from(found.hash.value())).equals(seal);
  }
}

const entryTaken = (number: number, other: number) =>
  new OplogError("DAMAGED", `Segment ${number} holds an event that segment ${other} of this log holds already`, {
    hint: "Run verify. This is a defect, unless something else writes into the collection; please report it.",
  });

/** For `catch`: null for a segment that can't be read, of which there can be no entries. */
function isDamaged(error: unknown): null {
  if (isOplogError(error, "DAMAGED")) return null;
  throw error;
}

const sealOf = (hash: Buffer): Buffer => hash.subarray(0, SEAL_BYTES);

/** Null for a segment whose payload is not the events of a source. */
async function entriesOf(segment: SealedSegment): Promise<Entries | null> {
  const { kind, format, encryption } = decodeHeader(segment.header);
  if (kind !== "events" || format === "document" || encryption) return null;
  const payload = segment.content ?? (await readPayload(segment).catch(() => null)); // what a store is given it keeps, whatever it is
  const of = { number: segment.number, seal: sealOf(segment.hash) };
  if (!payload) return null;
  const writer = new EntryWriter(payload, format, of);
  const starts = startsOf(payload, writer);
  if (!starts?.length) return null;
  return {
    segment: of,
    *batches() {
      for (let first = 0, end = 0; first < starts.length; first = end) {
        const until = starts[first]! + EVENT_BYTES_AT_ONCE;
        while (end < starts.length && end - first < EVENTS_AT_ONCE && starts[end]! < until) end++;
        yield (room) => writer.documents(starts.slice(first, end), first, room);
      }
    },
  };
}

/** Where the events begin; null when not all of them are such. */
function startsOf(payload: Buffer, writer: EntryWriter): number[] | null {
  const starts: number[] = [];
  try {
    for (let at = 0; at < payload.length; at += payload.readInt32LE(at)) {
      const length = payload.readInt32LE(at);
      if (length < 5 || at + length > payload.length || !writer.hasPlace(at)) return null;
      starts.push(at);
    }
    return starts;
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}
