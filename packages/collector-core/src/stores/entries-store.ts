import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import type { ClientSession, Collection, Db, MongoServerError } from "mongodb";
import { OplogError } from "../errors.js";
import { documentsIn, rawValue } from "../raw-bson.js";
import { runWithDocuments } from "../raw-command.js";
import { decodeHeader, readPayload, type SealedSegment } from "../segment.js";
import { AppendSessions } from "./append-sessions.js";
import { damagedSegment } from "./damaged-segment.js";
import { isDuplicateKey } from "./duplicate-key.js";
import { CHECKPOINTS_PREFIX, MongodbStore, SEGMENTS_PREFIX, type SegmentDocument } from "./mongodb-store.js";
import { type EntryForm, entryDocuments, entryId } from "./stored-entry.js";

/** Beside the entries, `oplogs_<log>`: what else belongs to the log's segments. */
export const ENTRIES_SEGMENTS_SUFFIX = ".segments";

/** An entry holds the event as bytes, and its fields again: with this much of it both fit a document. A larger one is kept as in the other layout. */
const LARGEST_EVENT_BYTES = 7 * 1024 * 1024;

/** What one field may have where the event itself is kept elsewhere. */
const LARGEST_FIELD_BYTES = 15 * 1024 * 1024;

const SEAL_BYTES = 8;

/** Deleted at a time, in segments: some hundred thousand entries, well within the socket's timeout. */
const REMOVED_AT_ONCE = 20;

/** Deleted in one transaction, which must stay small. */
const STRAYS_AT_ONCE = 1_000;

/** What another transaction has open: the document (WriteConflict), or the collection that it is about to make (LockTimeout). */
const LOCKED_BY_ANOTHER: readonly unknown[] = [112, 24];

/** Of two writers at the same number one waits for the other, and then finds the number taken. A writer that lives needs a fraction of this. */
const ABANDONED_AFTER_MS = 2_000;
const CONFLICT_PAUSE_MS = 50;

/** For time, namespace and document; and for reading a segment back. */
const INDEXES = [
  { key: { ts: 1 }, name: "time" },
  { key: { ns: 1, ts: 1 }, name: "namespace" },
  { key: { ns: 1, "doc_key._id": 1 }, name: "document" },
  { key: { segment: 1, i: 1 }, name: "segment" },
] as const;

/** Sent in one command: so the documents of the next ones are made while the server is at these. Few enough for that, and enough for its work to count. */
const EVENTS_AT_ONCE = 1_000;

/** Far below the 48 MB of a command, with everything in an entry twice. */
const EVENT_BYTES_AT_ONCE = 8 * 1024 * 1024;

/** A segment's events, as entries. */
interface Entries {
  events: Buffer[];
  /** They hold the whole payload: nothing of it is kept beside them. */
  whole: boolean;
  /** Their documents, some at a time, made when asked for. */
  documents(): Iterable<Buffer>;
}

/**
 * One log in a MongoDB database, one document an event in `oplogs_<log>`. Header and entries of a segment are stored in one transaction, so a
 * segment is there at once or not at all. What has no events that can be shown so (a base snapshot, a mark) is kept as in the other layout.
 */
export class EntriesStore extends MongodbStore {
  /** The events' own bytes are what is stored, so compressing them would only be undone. */
  readonly codec = "none";
  readonly #entries: Collection;
  readonly #sessions: AppendSessions;
  #indexed = false;

  constructor(
    private readonly db: Db,
    name: string,
    documentBytes?: number,
  ) {
    super(db, name, documentBytes, ENTRIES_SEGMENTS_SUFFIX);
    this.#entries = db.collection(`${SEGMENTS_PREFIX}${name}`);
    this.#sessions = new AppendSessions(db, db.collection(`${CHECKPOINTS_PREFIX}${name}`));
  }

  /** Its many objects are the entries, for those who query them. */
  override get bundling(): undefined {
    return undefined;
  }

  override async append(segment: SealedSegment): Promise<"stored" | "taken"> {
    const entries = await entriesOf(segment);
    if (!entries) return super.append(segment);
    if (!this.#indexed) await this.#entries.createIndexes([...INDEXES]);
    this.#indexed = true;
    const document = entries.whole ? { ...this.summaryOf(segment), entries: entries.events.length } : await this.prepare(segment);
    return this.commit(document, () => this.#insertAtOnce(document, entries));
  }

  override async remove(upTo?: number): Promise<void> {
    // A collection in which a transaction is open can't be dropped.
    if (upTo === undefined) await this.#sessions.endOthers();
    await super.remove(upTo);
    if (upTo === undefined) return void (await this.#entries.drop());
    for (;;) {
      const oldest = await this.#entries.findOne({ segment: { $lte: upTo } }, { sort: { segment: 1 }, projection: { segment: 1 } });
      if (!oldest) return;
      await this.#entries.deleteMany({ segment: { $lte: Math.min(oldest.segment + REMOVED_AT_ONCE, upTo) } });
    }
  }

  override async close(): Promise<void> {
    await this.#sessions.close();
  }

  protected override async payloadOf(document: SegmentDocument, hash: Buffer): Promise<Buffer | null> {
    if (document.entries === undefined) return super.payloadOf(document, hash);
    const found = await this.#entries
      .find(
        { segment: document._id, seal: sealOf(hash) },
        { raw: true, sort: { i: 1 }, projection: { _id: 0, event: 1 }, batchSize: document.entries + 1 },
      )
      .toArray();
    const events = found.map((entry) => rawValue(viewOf(entry as unknown as Uint8Array), "event")?.bytes.subarray(5));
    if (events.length === document.entries && events.every((event) => event !== undefined)) return Buffer.concat(events as Buffer[]);
    if (!(await this.isThere(document._id))) return null; // removed by retention meanwhile
    throw damagedSegment(document._id, `has ${events.length} of its ${document.entries} entries`);
  }

  async #insertAtOnce(document: SegmentDocument, entries: Entries): Promise<boolean> {
    const startedAt = Date.now();
    for (let [ended, cleaned] = [false, false]; ; ) {
      try {
        return await this.#tryInsert(document, entries);
      } catch (error) {
        if (error instanceof EntryTaken && !cleaned) {
          await this.#removeStrays();
          cleaned = true;
        } else if (LOCKED_BY_ANOTHER.includes((error as MongoServerError).code)) {
          const waited = Date.now() - startedAt;
          if (waited >= 2 * ABANDONED_AFTER_MS) throw lockedByAnother(document._id, error);
          if (waited >= ABANDONED_AFTER_MS && !ended) {
            await this.#sessions.endOthers().catch((refused) => Promise.reject(lockedByAnother(document._id, refused)));
            ended = true;
          } else await sleep(CONFLICT_PAUSE_MS);
        } else throw error;
      }
    }
  }

  /** False when the number is taken. */
  async #tryInsert(document: SegmentDocument, entries: Entries): Promise<boolean> {
    const session = await this.#sessions.current();
    try {
      session.startTransaction();
      let underWay: Promise<unknown> = this.segments.insertOne(document, { session });
      underWay.catch(() => {}); // thrown where it is awaited
      for (const documents of entries.documents()) {
        await underWay;
        underWay = this.#insertEntries(document._id, documents, session);
        underWay.catch(() => {});
        await nextTurn(); // it is sent before the next ones are made
      }
      await underWay;
      await session.commitTransaction();
      return true;
    } catch (error) {
      if (session.inTransaction()) await session.abortTransaction();
      if (isDuplicateKey(error)) return false;
      throw error;
    }
  }

  async #insertEntries(number: number, documents: Buffer, session: ClientSession): Promise<void> {
    const command = { insert: this.#entries.collectionName };
    const { writeErrors } = await runWithDocuments(this.db, command, { name: "documents", chunks: [documents] }, { session });
    if (writeErrors) throw new EntryTaken(number, writeErrors[0]);
  }

  /**
   * A removal that did not come to its end leaves entries of segments that are gone. They are looked for and deleted in one snapshot: of what
   * another writer stores meanwhile it shows neither the header nor the entries.
   */
  async #removeStrays(): Promise<void> {
    for (let left = true; left; )
      left = await this.db.client.withSession((session) =>
        session.withTransaction(() => this.#removeSomeStrays(session), { readConcern: "snapshot", writeConcern: { w: "majority" } }),
      );
  }

  async #removeSomeStrays(session: ClientSession): Promise<boolean> {
    const outermost = (direction: 1 | -1) => this.segments.findOne({}, { session, sort: { _id: direction }, projection: { _id: 1 } });
    const [oldest, newest] = [await outermost(1), await outermost(-1)];
    const gone = oldest && newest ? { $or: [{ segment: { $lt: oldest._id } }, { segment: { $gt: newest._id } }] } : {};
    const strays = await this.#entries.find(gone, { session, projection: { _id: 1 }, limit: STRAYS_AT_ONCE }).toArray();
    if (strays.length === 0) return false;
    await this.#entries.deleteMany({ _id: { $in: strays.map(({ _id }) => _id) } }, { session });
    return true;
  }
}

class EntryTaken extends OplogError {
  constructor(number: number, cause: unknown) {
    super("DAMAGED", `Segment ${number} holds an event that another segment of this log holds already`, {
      cause,
      hint: "Run verify. This is a defect, unless something else writes into the collection; please report it.",
    });
  }
}

const lockedByAnother = (number: number, cause: unknown) =>
  new OplogError("STORE_FAILED", `Segment ${number} is locked by an append that did not come to its end, and that could not be ended`, {
    cause,
    hint: "It is tried again. The server ends that append by itself within 90 seconds.",
  });

const viewOf = ({ buffer, byteOffset, byteLength }: Uint8Array): Buffer => Buffer.from(buffer, byteOffset, byteLength);

const sealOf = (hash: Buffer): Buffer => hash.subarray(0, SEAL_BYTES);

/** Null for a segment whose payload is not the events of a source. */
async function entriesOf(segment: SealedSegment): Promise<Entries | null> {
  const { kind, format, codec, encryption } = decodeHeader(segment.header);
  if (kind !== "events" || format === "document" || encryption) return null;
  const events = await eventsIn(segment);
  if (!events?.length || !events.every((event) => entryId(event, format))) return null;
  const whole = codec === "none" && events.every((event) => event.length <= LARGEST_EVENT_BYTES);
  const form: EntryForm = { whole, largest: LARGEST_FIELD_BYTES };
  const seal = sealOf(segment.hash);
  return {
    events,
    whole,
    *documents() {
      for (let first = 0, end = 0; first < events.length; first = end) {
        for (let bytes = 0; end < events.length && end - first < EVENTS_AT_ONCE && bytes < EVENT_BYTES_AT_ONCE; end++)
          bytes += events[end]!.length;
        yield entryDocuments(events.slice(first, end), format, { segment: segment.number, index: first, seal }, form);
      }
    },
  };
}

/** Null when they can't be read: what a store is given it keeps, whatever it is. */
async function eventsIn(segment: SealedSegment): Promise<Buffer[] | null> {
  try {
    return [...documentsIn(await readPayload(segment))];
  } catch {
    return null;
  }
}
