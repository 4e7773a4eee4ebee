import { Binary, type Collection, type Db } from "mongodb";
import { dateOf } from "../cluster-time.js";
import { decodeHeader, type SealedSegment, type SegmentKind } from "../segment.js";
import type { Bundling, Checkpoint, Store, StoredHeader } from "../store.js";
import { BundleDocuments } from "./bundle-documents.js";
import { type BundlePlace, Bundles } from "./bundles.js";
import { damagedSegment } from "./damaged-segment.js";
import { created } from "./duplicate-key.js";
import { numbersFound } from "./segment-names.js";
import { readStoredCheckpoint, type StoredCheckpoint, storeCheckpoint, writerOf } from "./stored-checkpoint.js";

export const SEGMENTS_PREFIX = "oplogs_";
const CHECKPOINTS_PREFIX = "resume_tokens_for_";

/** What header and payload may have together to share a document, and a part may have: 16 MiB is the limit, and the other fields are small. */
export const DOCUMENT_BYTES = 15 * 1024 * 1024;

/** Headers have a kilobyte each, rarely a hundred: a batch stays far below the 16 MiB of a reply. */
const HEADERS_IN_BATCH = 200;

/** Segments have up to some MiB, and a deletion must be done well within the socket's timeout. */
const REMOVED_AT_ONCE = 200;

/**
 * A segment's document. The header is kept as binary, not as an embedded document: so any tool, of whatever language, that copies the
 * collection copies its exact bytes, on which the hash depends. The fields beside it are copies of what people ask for in the shell.
 */
export interface SegmentDocument {
  _id: number;
  kind: SegmentKind;
  /** The source's clock at the end of the segment: a date, so that a TTL index can be put on it by hand. */
  wall: Date;
  events: number;
  /** Of header and payload. */
  storedBytes: number;
  header: Binary;
  hash: Binary;
  payload?: Binary;
  /** Instead of a payload here: how many documents of `<collection>.parts` hold it. */
  parts?: number;
}

/** The hash is in the key, so that parts of an append that never came to its end can't be taken for those of the one that did. */
interface PartDocument {
  _id: { n: number; hash: string; i: number };
  wall: Date;
  bytes: Binary;
}

interface CheckpointDocument extends StoredCheckpoint {
  _id: "checkpoint";
}

/** One log in a MongoDB database. The database brings the write and read concern: majority, journaled. */
export class MongodbStore implements Store {
  protected readonly segments: Collection<SegmentDocument>;
  readonly #parts: Collection<PartDocument>;
  readonly #checkpoints: Collection<CheckpointDocument>;
  readonly #bundleDocuments: BundleDocuments;
  readonly #bundles: Bundles;
  /** An append may have ended before its main document: true until one has succeeded. */
  #partsMayBeLeft = true;
  #lastWriter: string | undefined;

  constructor(
    db: Db,
    name: string,
    readonly documentBytes = DOCUMENT_BYTES,
    suffix = "",
  ) {
    this.segments = db.collection(`${SEGMENTS_PREFIX}${name}${suffix}`);
    this.#parts = db.collection(`${SEGMENTS_PREFIX}${name}.parts`);
    this.#checkpoints = db.collection(`${CHECKPOINTS_PREFIX}${name}`);
    this.#bundleDocuments = new BundleDocuments(db, `${SEGMENTS_PREFIX}${name}`);
    this.#bundles = new Bundles(this.#bundlePlace());
  }

  get bundling(): Bundling | undefined {
    return this.#bundles;
  }

  async append(segment: SealedSegment): Promise<"stored" | "taken"> {
    const document = await this.#prepare(segment);
    return this.#bundles.answer(segment.number, () => this.#commit(document));
  }

  /** The document that makes the segment, with its payload, or after the parts of its payload were stored. */
  async #prepare({ number, hash, header, payload }: SealedSegment): Promise<SegmentDocument> {
    const { kind, to, events } = decodeHeader(header);
    const wall = to.wallTime ?? dateOf(to.clusterTime);
    const storedBytes = header.length + payload.length;
    const document = { _id: number, kind, wall, events, storedBytes, header: new Binary(header), hash: new Binary(hash) };
    if (storedBytes <= this.documentBytes) return { ...document, payload: new Binary(payload) };

    this.#partsMayBeLeft = true;
    const size = this.documentBytes;
    const parts = Math.ceil(payload.length / size);
    for (let i = 0; i < parts; i++) {
      const bytes = new Binary(payload.subarray(i * size, (i + 1) * size));
      await created(this.#parts.insertOne({ _id: { n: number, hash: hash.toString("hex"), i }, wall, bytes })); // there already: from our first try
    }
    return { ...document, parts };
  }

  async *headers({ after = 0, reverse = false }: { after?: number; reverse?: boolean } = {}): AsyncGenerator<StoredHeader> {
    // A query a batch, rather than one cursor: the reader may take its time, and the server may fail over.
    for (let range = { from: after + 1, to: Number.MAX_SAFE_INTEGER }; range.from <= range.to; ) {
      const documents = await this.segments
        .find({ _id: { $gte: range.from, $lte: range.to } }, { projection: { header: 1, hash: 1, storedBytes: 1 } })
        .sort({ _id: reverse ? -1 : 1 })
        .limit(HEADERS_IN_BATCH)
        .toArray();
      const singles = new Map(documents.map((document) => [document._id, document]));
      const last = documents.at(-1)?._id;
      // Up to where these tell; then the bundles: what is not among these any more is in one of those.
      const end = last === undefined || documents.length < HEADERS_IN_BATCH ? null : last;
      const told = reverse ? { from: end ?? range.from, to: range.to } : { from: range.from, to: end ?? range.to };
      const numbers = numbersFound(told, [...singles.keys()], await this.#bundles.ranges());
      for (const number of reverse ? numbers.reverse() : numbers) {
        const header = await this.#bundles.find(number, this.#bundles.header, async () => {
          const document = singles.get(number);
          return document ? { number, ...headerOf(document), storedBytes: document.storedBytes } : null;
        });
        if (header) yield header; // absent: removed by retention meanwhile
      }
      if (end === null) return;
      range = reverse ? { from: range.from, to: end - 1 } : { from: end + 1, to: range.to };
    }
  }

  read(number: number): Promise<SealedSegment | null> {
    return this.#bundles.find(number, this.#bundles.read, async () => {
      const document = await this.segments.findOne({ _id: number });
      if (!document) return null;
      const { header, hash } = headerOf(document);
      const payload = await this.#payloadOf(document, hash);
      return payload && { number, header, hash, payload };
    });
  }

  /** Null when the segment was removed meanwhile. */
  async #payloadOf(document: SegmentDocument, hash: Buffer): Promise<Buffer | null> {
    const number = document._id;
    if (typeof document.parts !== "number") return bytesOf(document.payload) ?? missing(number, "payload");
    const key = { n: number, hash: hash.toString("hex") };
    const parts = await this.#parts
      .find({ _id: { $gte: { ...key, i: 0 }, $lt: { ...key, i: document.parts } } })
      .sort({ _id: 1 })
      .toArray();
    if (parts.length === document.parts) return Buffer.concat(parts.map(({ bytes }) => bytesOf(bytes) ?? missing(number, "part")));
    if (!(await this.#isThere(number))) return null; // by retention
    throw damagedSegment(number, `has ${parts.length} of its ${document.parts} parts`);
  }

  async readCheckpoint(): Promise<Checkpoint | null> {
    const document = await this.#checkpoints.findOne({ _id: "checkpoint" });
    return document && readStoredCheckpoint(document);
  }

  async writeCheckpoint(checkpoint: Checkpoint, { takeOver = false }: { takeOver?: boolean } = {}): Promise<"stored" | "fenced"> {
    const writer = writerOf(checkpoint, this.#lastWriter);
    const ours = { $or: [{ writer: null }, ...(writer === undefined ? [] : [{ "writer.id": writer }])] };
    // One command: with another's checkpoint in place the filter finds nothing, and the insert that follows finds the key taken.
    const filter = { _id: "checkpoint" as const, ...(takeOver ? {} : ours) };
    if (!(await created(this.#checkpoints.replaceOne(filter, storeCheckpoint(checkpoint), { upsert: true })))) return "fenced";
    this.#lastWriter = writer;
    return "stored";
  }

  async remove(upTo?: number): Promise<void> {
    if (upTo === undefined) {
      for (const part of [this.#bundleDocuments, this.segments, this.#parts, this.#checkpoints]) await part.drop();
      await this.#bundles.ranges(); // none: what it knows of them goes as well
      return;
    }
    await this.#bundles.remove(upTo);
    for (;;) {
      const oldest = await this.segments.findOne({ _id: { $lte: upTo } }, { sort: { _id: 1 }, projection: { _id: 1 } });
      const end = Math.min(oldest ? oldest._id + REMOVED_AT_ONCE - 1 : upTo, upTo);
      await this.segments.deleteMany({ _id: { $lte: end } }, { hint: { _id: 1 } });
      // After what refers to them, with those of appends that never came to their end.
      await this.#parts.deleteMany({ _id: { $lt: keyAfter(end) } });
      if (end === upTo) return;
    }
  }

  async close(): Promise<void> {}

  async hasSegments(): Promise<boolean> {
    return (await this.segments.findOne({ _id: { $gte: 0 } }, { projection: { _id: 1 } })) !== null;
  }

  async #isThere(number: number): Promise<boolean> {
    return (await this.segments.findOne({ _id: number }, { projection: { _id: 1 } })) !== null;
  }

  /** Makes the segment, in one step. */
  async #commit(document: SegmentDocument): Promise<"stored" | "taken"> {
    const stored = await created(this.segments.insertOne(document));
    // On a failure here the append has its answer all the same; the next one removes them.
    if (this.#partsMayBeLeft)
      this.#partsMayBeLeft = !(await this.#removeStrayParts(document._id).then(
        () => true,
        () => false,
      ));
    return stored ? "stored" : "taken";
  }

  #bundlePlace(): BundlePlace {
    const place = this.#bundleDocuments;
    return {
      ranges: () => place.ranges(),
      index: (range) => place.index(range),
      payloads: (range) => place.payloads(range),
      create: (range, bundle) => place.create(range, bundle),
      remove: (range) => place.remove(range),
      singles: async () => (await this.segments.find({}, { projection: { _id: 1 } }).toArray()).map(({ _id }) => _id),
      removeSingles: async (numbers) => {
        const these = { _id: { $in: numbers } };
        const split = await this.segments.find({ ...these, parts: { $gt: 0 } }, { projection: { _id: 1 } }).toArray();
        await this.segments.deleteMany(these);
        for (const { _id: n } of split) await this.#parts.deleteMany({ _id: { $gte: { n }, $lt: keyAfter(n) } as never });
      },
    };
  }

  /** Removes the parts of this number that are not those of the segment which got it. */
  async #removeStrayParts(number: number): Promise<void> {
    const segment = await this.segments.findOne({ _id: number }, { projection: { hash: 1 } });
    const hash = bytesOf(segment?.hash)?.toString("hex");
    if (hash) await this.#parts.deleteMany({ _id: { $gte: { n: number }, $lt: keyAfter(number) } as never, "_id.hash": { $ne: hash } });
  }
}

/** Orders after every part of that number, before every part of the next. */
const keyAfter = (number: number) => ({ n: number + 1 }) as PartDocument["_id"];

/** What is in the place of a binary may be anything, if a person or a tool has changed the document. */
const bytesOf = (value: unknown): Buffer | undefined =>
  value instanceof Binary ? Buffer.from(value.buffer.buffer, value.buffer.byteOffset, value.position) : undefined;

function headerOf({ _id, header, hash }: SegmentDocument): { header: Buffer; hash: Buffer } {
  return { header: bytesOf(header) ?? missing(_id, "header"), hash: bytesOf(hash) ?? missing(_id, "hash") };
}

function missing(number: number, what: string): never {
  throw damagedSegment(number, `has no ${what}`);
}
