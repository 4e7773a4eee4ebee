import { parseLogName, snapshotLogName } from "../log-name.js";
import type { SealedSegment } from "../segment.js";
import type { Checkpoint, Store, StoredHeader, StoreLocation } from "../store.js";
import type { BundleRange } from "./bundle.js";
import { encodeBundleFile, type ReadBytes, readBundleIndex, readBundlePayloads } from "./bundle-file.js";
import { type BundlePlace, Bundles } from "./bundles.js";
import { CHECKPOINT_NAME, CheckpointSequence, checkpointName } from "./checkpoint-sequence.js";
import { numbersOf } from "./durable-file.js";
import { isLogName, mayHold } from "./found-log-name.js";
import type { ObjectPart, ObjectPlace } from "./object-place.js";
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

/** Logs in any place that keeps objects, each segment one, named and made as in a directory (see `segment-names.ts`). */
export const objectStoreLocation = (place: ObjectPlace): StoreLocation => ({
  log: async (name) => new ObjectStore(place, name),
  names: (prefix) => namesIn(place, prefix),
  close: async () => place.close?.(),
});

async function namesIn(place: ObjectPlace, prefix = ""): Promise<string[]> {
  const found: string[] = [];
  for (const log of await logFoldersIn(place, "")) {
    if (!mayHold(log, prefix)) continue;
    const snapshots = await logFoldersIn(place, `${log}/snapshots/`, (id) => snapshotLogName(log, id));
    for (const name of [log, ...snapshots].filter((one) => one.startsWith(prefix)))
      if (await new ObjectStore(place, name).hasSegments()) found.push(name);
  }
  return found.sort();
}

async function logFoldersIn(place: ObjectPlace, folder: string, nameOf = (name: string) => name): Promise<string[]> {
  return foldersAmong(await listed(place, folder))
    .map(nameOf)
    .filter(isLogName);
}

/** What is directly in a folder, each once; a folder in it ends with a slash. */
async function listed(place: ObjectPlace, folder: string, hints?: { after?: string; limit?: number }): Promise<string[]> {
  const names = (await place.list(folder, hints)).map((name) => /^[^/]*\/?/.exec(name.slice(folder.length))![0]);
  return [...new Set(names)];
}

const foldersAmong = (names: string[]): string[] => names.filter((name) => name.endsWith("/")).map((name) => name.slice(0, -1));

class ObjectStore implements Store {
  readonly #folder: string;
  readonly #checkpoints: CheckpointSequence;
  readonly bundling: Bundles;

  constructor(
    private readonly place: ObjectPlace,
    name: string,
  ) {
    const { log, snapshot } = parseLogName(name);
    this.#folder = snapshot === undefined ? `${log}/` : `${log}/snapshots/${snapshot}/`;
    const key = (sequence: number) => `${this.#folder}${checkpointName(sequence)}`;
    this.#checkpoints = new CheckpointSequence({
      sequences: async () => numbersOf(await listed(place, this.#folder), CHECKPOINT_NAME),
      read: (sequence) => place.read(key(sequence)),
      create: (sequence, bytes) => place.create(key(sequence), bytes),
      remove: (sequences) => place.remove(sequences.map(key)),
      nameOf: key,
    });
    this.bundling = new Bundles(this.#bundlePlace());
  }

  append(segment: SealedSegment): Promise<"stored" | "taken"> {
    const create = () => this.place.create(this.#key(segment.number), Buffer.concat(encodeSegment(segment)), segment.hash.toString("hex"));
    return this.bundling.answer(segment.number, create);
  }

  async *headers({ after = 0, reverse = false }: { after?: number; reverse?: boolean } = {}): AsyncGenerator<StoredHeader> {
    const reading: Promise<StoredHeader | null>[] = [];
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
  }

  async read(number: number): Promise<SealedSegment | null> {
    return this.bundling.find(number, this.bundling.read, async () => {
      const bytes = await this.place.read(this.#key(number));
      return bytes && decodeSegment(number, bytes);
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
      const numbers = await this.#singlesIn(group, 0);
      await this.place.remove(numbers.filter((number) => number <= upTo).map((number) => this.#key(number)));
    }
    if (upTo === Number.POSITIVE_INFINITY) await this.#checkpoints.remove();
  }

  /** The connections are the location's. */
  async close(): Promise<void> {}

  async hasSegments(): Promise<boolean> {
    return (await this.place.list(`${this.#folder}segments/`, { limit: 1 })).length > 0;
  }

  async #header(number: number): Promise<StoredHeader | null> {
    const key = this.#key(number);
    const start = await this.#part(key, 0, FIRST_READ_BYTES);
    if (!start) return null;
    const { size, bytes, hash } = start;
    return headerIn(number, size, bytes, async (position, length) => {
      // Without it, an object that another tool has copied here: its last bytes tell.
      if (position + length === size && hash !== undefined) return Buffer.from(hash, "hex");
      return (await this.#part(key, position, length))?.bytes ?? Buffer.alloc(0);
    });
  }

  async #part(key: string, position: number, length: number): Promise<ObjectPart | null> {
    if (this.place.readPart) return this.place.readPart(key, { position, length });
    const bytes = await this.place.read(key);
    return bytes && { bytes: bytes.subarray(position, position + length), size: bytes.length };
  }

  #groups = async (): Promise<number[]> => numbersOf(foldersAmong(await listed(this.place, `${this.#folder}segments/`)), GROUP_NAME);

  #bundlePlace(): BundlePlace {
    const folder = `${this.#folder}bundles/`;
    const key = (range: BundleRange) => `${folder}${bundleName(range)}`;
    const reading =
      (range: BundleRange): ReadBytes =>
      async (position, length) =>
        length === undefined ? this.place.read(key(range)) : ((await this.#part(key(range), position, length))?.bytes ?? null);
    return {
      ranges: async () => bundlesNamed(await listed(this.place, folder)),
      index: (range) => readBundleIndex(range, reading(range)),
      payloads: (range) => readBundlePayloads(range, reading(range)),
      create: (range, bundle) => this.place.create(key(range), Buffer.concat(encodeBundleFile(bundle))),
      remove: (range) => this.place.remove([key(range)]),
      singles: async () => {
        const found: number[][] = [];
        for (const group of await this.#groups()) found.push(await this.#singlesIn(group, 0));
        return found.flat();
      },
      removeSingles: (numbers) => this.place.remove(numbers.map((number) => this.#key(number))),
    };
  }

  async #singlesIn(group: number, after: number): Promise<number[]> {
    const hints = groupOf(after) === group ? { after: this.#key(after) } : {};
    return numbersOf(await listed(this.place, `${this.#folder}segments/${groupName(group)}/`, hints), SEGMENT_NAME);
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
    const singles = await this.#singlesIn(group, after); // before the bundles: what is not among these any more is in one of those
    return numbersInGroup(group, singles, await this.bundling.ranges()).filter((number) => number > after);
  }

  #key = (number: number): string => `${this.#folder}segments/${groupName(groupOf(number))}/${segmentName(number)}`;
}
