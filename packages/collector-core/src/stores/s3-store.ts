import { parseLogName, snapshotLogName } from "../log-name.js";
import type { SealedSegment } from "../segment.js";
import type { Checkpoint, Store, StoredHeader, StoreLocation } from "../store.js";
import type { BundleRange } from "./bundle.js";
import { encodeBundleFile, type ReadBytes, readBundleIndex, readBundlePayloads } from "./bundle-file.js";
import { type BundlePlace, Bundles } from "./bundles.js";
import { CHECKPOINT_NAME, CheckpointSequence, checkpointName } from "./checkpoint-sequence.js";
import { numbersOf } from "./durable-file.js";
import { isLogName, mayHold } from "./found-log-name.js";
import { S3Bucket } from "./s3-bucket.js";
import { s3Client } from "./s3-client.js";
import { parseS3StoreUri } from "./s3-uri.js";
import { decodeSegment, encodeSegment, FIRST_READ_BYTES, headerIn } from "./segment-file.js";
import {
  bundleName,
  bundlesNamed,
  GROUP_NAME,
  groupName,
  groupOf,
  groupsOf,
  numbersInGroup,
  SEGMENT_NAME,
  SEGMENTS_IN_GROUP,
  segmentName,
} from "./segment-names.js";

/** So many headers are read at once: each is a request, of which the way there and back takes most. */
const HEADERS_AT_ONCE = 16;

/** Where an object keeps a copy of the segment's hash, so that reading a header takes one request. */
const HASH_METADATA = "hash";

/**
 * Logs in a bucket, each segment an object, named and made as in a directory (see `segment-names.ts`). Asks the bucket something, so that one
 * that can't be used is told at once.
 */
export async function s3StoreLocation(uri: string): Promise<StoreLocation> {
  const parsed = parseS3StoreUri(uri);
  const bucket = new S3Bucket(await s3Client(parsed), parsed.bucket, parsed.prefix);
  try {
    await first(bucket.list("", { limit: 1 }));
  } catch (error) {
    bucket.close();
    throw error;
  }
  return {
    log: async (name) => new S3Store(bucket, name),
    names: (prefix) => namesIn(bucket, prefix),
    close: async () => bucket.close(),
  };
}

async function namesIn(bucket: S3Bucket, prefix = ""): Promise<string[]> {
  const found: string[] = [];
  for (const log of await logFoldersIn(bucket, "")) {
    if (!mayHold(log, prefix)) continue;
    const snapshots = await logFoldersIn(bucket, `${log}/snapshots/`, (id) => snapshotLogName(log, id));
    for (const name of [log, ...snapshots].filter((one) => one.startsWith(prefix)))
      if (await new S3Store(bucket, name).hasSegments()) found.push(name);
  }
  return found.sort();
}

async function logFoldersIn(bucket: S3Bucket, folder: string, nameOf = (name: string) => name): Promise<string[]> {
  const found: string[] = [];
  for await (const name of bucket.list(folder)) if (name.endsWith("/")) found.push(nameOf(name.slice(0, -1)));
  return found.filter(isLogName);
}

/** One log in a bucket. */
class S3Store implements Store {
  readonly #folder: string;
  readonly #checkpoints: CheckpointSequence;
  readonly bundling: Bundles;

  constructor(
    private readonly bucket: S3Bucket,
    name: string,
  ) {
    const { log, snapshot } = parseLogName(name);
    this.#folder = snapshot === undefined ? `${log}/` : `${log}/snapshots/${snapshot}/`;
    const key = (sequence: number) => `${this.#folder}${checkpointName(sequence)}`;
    this.#checkpoints = new CheckpointSequence({
      sequences: async () => numbersOf(await all(bucket.list(this.#folder)), CHECKPOINT_NAME),
      read: async (sequence) => (await bucket.get(key(sequence)))?.bytes ?? null,
      create: (sequence, bytes) => bucket.create(key(sequence), [bytes]),
      remove: (sequences) => bucket.delete(sequences.map(key)),
      nameOf: key,
    });
    this.bundling = new Bundles(this.#bundlePlace());
  }

  append(segment: SealedSegment): Promise<"stored" | "taken"> {
    const metadata = { [HASH_METADATA]: segment.hash.toString("hex") };
    return this.bundling.answer(segment.number, () => this.bucket.create(this.#key(segment.number), encodeSegment(segment), metadata));
  }

  async *headers({ after = 0, reverse = false }: { after?: number; reverse?: boolean } = {}): AsyncGenerator<StoredHeader> {
    let reading: Promise<StoredHeader | null>[] = [];
    for await (const number of reverse ? this.#numbersFromEnd(after) : this.#numbers(after)) {
      const header = this.bundling.find(number, this.bundling.header, (single) => this.#header(single));
      header.catch(() => {}); // one that can't be read throws in its turn, after those before it
      reading.push(header);
      if (reading.length < HEADERS_AT_ONCE) continue;
      const next = await reading.shift()!;
      if (next) yield next; // absent: removed by retention since the listing
    }
    for (const header of reading) {
      const next = await header;
      if (next) yield next;
    }
    reading = [];
  }

  async read(number: number): Promise<SealedSegment | null> {
    return this.bundling.find(number, this.bundling.read, async () => {
      const object = await this.bucket.get(this.#key(number));
      return object && decodeSegment(number, object.bytes);
    });
  }

  readCheckpoint(): Promise<Checkpoint | null> {
    return this.#checkpoints.read();
  }

  writeCheckpoint(checkpoint: Checkpoint, { takeOver = false }: { takeOver?: boolean } = {}): Promise<"stored" | "fenced"> {
    return this.#checkpoints.write(checkpoint, takeOver);
  }

  async remove(upTo = Number.POSITIVE_INFINITY): Promise<void> {
    await this.bundling.remove(upTo);
    for (const group of await this.#groups()) {
      if (group * SEGMENTS_IN_GROUP > upTo) break;
      const numbers = await all(this.#singlesIn(group, 0));
      await this.bucket.delete(numbers.filter((number) => number <= upTo).map((number) => this.#key(number)));
    }
    if (upTo === Number.POSITIVE_INFINITY) await this.#checkpoints.remove();
  }

  /** The connections are the location's. */
  async close(): Promise<void> {}

  async hasSegments(): Promise<boolean> {
    return (await first(this.bucket.list(`${this.#folder}segments/`, { limit: 1 }))) !== undefined;
  }

  async #header(number: number): Promise<StoredHeader | null> {
    const key = this.#key(number);
    const start = await this.bucket.get(key, `bytes=0-${FIRST_READ_BYTES - 1}`);
    if (!start) return null;
    const { size, bytes, metadata } = start;
    // Without it, an object that another tool has copied here: its last bytes tell.
    const hash = metadata[HASH_METADATA];
    return headerIn(number, size, bytes, async (position, length) => {
      if (position + length === size && hash !== undefined) return Buffer.from(hash, "hex");
      return (await this.bucket.get(key, `bytes=${position}-${position + length - 1}`))?.bytes ?? Buffer.alloc(0);
    });
  }

  #groups = async (): Promise<number[]> => {
    const names = await all(this.bucket.list(`${this.#folder}segments/`));
    return numbersOf(
      names.filter((name) => name.endsWith("/")).map((name) => name.slice(0, -1)),
      GROUP_NAME,
    );
  };

  #bundlePlace(): BundlePlace {
    const folder = `${this.#folder}bundles/`;
    const key = (range: BundleRange) => `${folder}${bundleName(range)}`;
    const reading =
      (range: BundleRange): ReadBytes =>
      async (position, length) =>
        (await this.bucket.get(key(range), length === undefined ? undefined : `bytes=${position}-${position + length - 1}`))?.bytes ?? null;
    return {
      ranges: async () => bundlesNamed(await all(this.bucket.list(folder))),
      index: (range) => readBundleIndex(range, reading(range)),
      payloads: (range) => readBundlePayloads(range, reading(range)),
      create: (range, bundle) => this.bucket.create(key(range), encodeBundleFile(bundle)),
      remove: (range) => this.bucket.delete([key(range)]),
      singles: async () => {
        const found: number[] = [];
        for (const group of await this.#groups()) found.push(...(await all(this.#singlesIn(group, 0))));
        return found;
      },
      removeSingles: (numbers) => this.bucket.delete(numbers.map((number) => this.#key(number))),
    };
  }

  async *#singlesIn(group: number, after: number): AsyncGenerator<number> {
    const folder = `${this.#folder}segments/${groupName(group)}/`;
    for await (const name of this.bucket.list(folder, groupOf(after) === group ? { after: segmentName(after) } : {}))
      for (const number of numbersOf([name], SEGMENT_NAME)) yield number;
  }

  async *#numbers(after: number): AsyncGenerator<number> {
    for (const group of await this.#groupsAfter(after)) yield* await this.#numbersIn(group, after);
  }

  /** A server lists in one direction only: a group at a time is then turned round. */
  async *#numbersFromEnd(after: number): AsyncGenerator<number> {
    for (const group of (await this.#groupsAfter(after)).reverse()) yield* (await this.#numbersIn(group, after)).reverse();
  }

  #groupsAfter = async (after: number): Promise<number[]> =>
    groupsOf(await this.#groups(), await this.bundling.ranges()).filter((group) => group >= groupOf(after));

  async #numbersIn(group: number, after: number): Promise<number[]> {
    const singles = await all(this.#singlesIn(group, after)); // before the bundles: what is not among these any more is in one of those
    return numbersInGroup(group, singles, await this.bundling.ranges()).filter((number) => number > after);
  }

  #key = (number: number): string => `${this.#folder}segments/${groupName(groupOf(number))}/${segmentName(number)}`;
}

async function first<T>(items: AsyncIterable<T>): Promise<T | undefined> {
  for await (const item of items) return item;
  return undefined;
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}
