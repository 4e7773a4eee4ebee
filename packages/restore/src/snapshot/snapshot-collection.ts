import { type ClusterTime, rawElement, rawString } from "@oplog-collector/collector-core";
import { Binary, BSON, Timestamp } from "mongodb";

/** A run of a collection's documents that was read at one cluster time: all of it, or one `_id` range of a large one. */
export interface SnapshotPart {
  /** Names its segments; counts from 1 within the snapshot. */
  part: number;
  readAt: ClusterTime;
  /** `{_id}` of its last document; null: to the end of the collection. It begins after the `upTo` of the part before. */
  upTo: Buffer | null;
  documents: number;
  bytes: number;
}

/** One collection of a base snapshot: what it was, and from when on the log's events apply to it. */
export interface SnapshotCollection {
  namespace: string;
  /** 32 hex digits. What tells a collection from a later one of the same name, and follows it through renames. */
  uuid: string;
  /** The options as the server lists them. */
  options: Buffer;
  /** The specification of the index on `_id`; null for a clustered collection. */
  idIndex: Buffer | null;
  /** The other indexes that were complete, in the server's order. */
  indexes: Buffer[];
  /** Options and indexes were read after this time. */
  catalogueAfter: ClusterTime;
  /** When the last document had been read. */
  readTo: ClusterTime;
  /** Read at no one time, as servers refuse that for capped collections: what came and went until `readTo` is sorted out with the log. */
  capped: boolean;
  /** Of `system.views`: the namespaces of the views defined there. */
  views: string[];
  parts: SnapshotPart[];
  /** False while further ranges are to come. */
  complete: boolean;
}

/** The log's events after this time apply to the collection. */
export const startOf = ({ capped, parts }: SnapshotCollection): ClusterTime => (capped ? parts[0]! : parts.at(-1)!).readAt;

/** From this time on the collection and the log together give one state of it. */
export const consistentFrom = (collection: SnapshotCollection): ClusterTime =>
  collection.capped ? collection.readTo : collection.parts.at(-1)!.readAt;

export const databaseOf = (namespace: string): string => namespace.slice(0, namespace.indexOf("."));

export const documentsOf = ({ parts }: SnapshotCollection): number => parts.reduce((sum, { documents }) => sum + documents, 0);

export const bytesOf = ({ parts }: SnapshotCollection): number => parts.reduce((sum, { bytes }) => sum + bytes, 0);

interface StoredCollection {
  ns: string;
  uuid: string;
  options: Binary;
  idIndex: Binary | null;
  indexes: Binary[];
  after: Timestamp;
  readTo: Timestamp;
  capped: boolean;
  views: string[];
  parts: { n: number; at: Timestamp; upTo: Binary | null; documents: number; bytes: number }[];
  complete: boolean;
}

/** Specifications stay bytes inside binaries: decoding them would move integer-like keys and change number types. */
export function encodeCollection(collection: SnapshotCollection): Buffer {
  const { namespace, uuid, options, idIndex, indexes, catalogueAfter, readTo, capped, views, parts, complete } = collection;
  const stored: StoredCollection = {
    ns: namespace,
    uuid,
    options: new Binary(options),
    idIndex: idIndex && new Binary(idIndex),
    indexes: indexes.map((index) => new Binary(index)),
    after: new Timestamp(catalogueAfter),
    readTo: new Timestamp(readTo),
    capped,
    views,
    parts: parts.map(({ part, readAt, upTo, documents, bytes }) => ({
      n: part,
      at: new Timestamp(readAt),
      upTo: upTo && new Binary(upTo),
      documents,
      bytes,
    })),
    complete,
  };
  return Buffer.from(BSON.serialize(stored));
}

export function decodeCollection(document: Buffer): SnapshotCollection {
  const stored = BSON.deserialize(document) as StoredCollection;
  return {
    namespace: stored.ns,
    uuid: stored.uuid,
    options: bufferOf(stored.options),
    idIndex: stored.idIndex && bufferOf(stored.idIndex),
    indexes: stored.indexes.map(bufferOf),
    catalogueAfter: stored.after.toBigInt(),
    readTo: stored.readTo.toBigInt(),
    capped: stored.capped,
    views: stored.views,
    parts: stored.parts.map(({ n, at, upTo, documents, bytes }) => ({
      part: n,
      readAt: at.toBigInt(),
      upTo: upTo && bufferOf(upTo),
      documents,
      bytes,
    })),
    complete: stored.complete,
  };
}

const bufferOf = (binary: Binary): Buffer => Buffer.from(binary.buffer.subarray(0, binary.position));

/** The text of a document's `_id`, where that is a string. */
export function textId(document: Buffer): string | undefined {
  const id = rawElement(document, "_id");
  return id?.type === 0x02 ? rawString(document, id.valueStart) : undefined;
}
