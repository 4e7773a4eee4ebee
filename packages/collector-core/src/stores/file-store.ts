import { open, readFile, rm, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { parseLogName, snapshotLogName } from "../log-name.js";
import type { SealedSegment } from "../segment.js";
import type { Checkpoint, Store, StoredHeader, StoreLocation } from "../store.js";
import type { BundleRange } from "./bundle.js";
import { encodeBundleFile, type ReadBytes, readBundleIndex, readBundlePayloads } from "./bundle-file.js";
import { type BundlePlace, Bundles } from "./bundles.js";
import { checkpointFiles } from "./checkpoint-files.js";
import type { CheckpointSequence } from "./checkpoint-sequence.js";
import {
  createFile,
  isAbsent,
  makeFolder,
  namesIn,
  numbersOf,
  removeEmptyFolder,
  removeFile,
  removeLeftovers,
  syncFolder,
} from "./durable-file.js";
import { fileFailure } from "./file-failure.js";
import { isLogName, mayHold } from "./found-log-name.js";
import { decodeSegment, encodeSegment, readSegmentHeader } from "./segment-file.js";
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

/** So many headers are read at once: as many as Node has threads for files by default, twice, so that none waits. */
const HEADERS_AT_ONCE = 8;

/**
 * Logs in a directory, each segment a file of its own:
 *
 *     <directory>/<log>/segments/000000/0000000001.segment
 *     <directory>/<log>/bundles/0000000002-0000000901.bundle
 *     <directory>/<log>/checkpoint-0000000007.bson
 *     <directory>/<log>/snapshots/<id>/segments/…          the log `<log>@<id>`
 *
 * Nothing is made before the first write.
 */
export function fileStoreLocation(directory: string): StoreLocation {
  const root = resolve(directory);
  return {
    log: async (name) => new FileStore(root, name),
    names: (prefix) => namesOf(root, prefix).catch((error) => Promise.reject(fileFailure(error, `The directory ${root} can't be read`))),
    close: async () => {},
  };
}

async function namesOf(root: string, prefix = ""): Promise<string[]> {
  const found: string[] = [];
  for (const log of await logFoldersIn(root)) {
    if (!mayHold(log, prefix)) continue;
    const snapshots = await logFoldersIn(join(root, log, "snapshots"), (id) => snapshotLogName(log, id));
    for (const name of [log, ...snapshots].filter((one) => one.startsWith(prefix)))
      if (await new FileStore(root, name).hasSegments()) found.push(name);
  }
  return found.sort();
}

/** The names of logs whose folders lie there: there may be anything beside them. */
async function logFoldersIn(path: string, nameOf = (folder: string) => folder): Promise<string[]> {
  const named = (await namesIn(path)).filter((folder) => isLogName(nameOf(folder)));
  const folders = await Promise.all(named.map(async (folder) => (await stat(join(path, folder))).isDirectory()));
  return named.filter((_, i) => folders[i]).map(nameOf);
}

class FileStore implements Store {
  readonly #root: string;
  readonly #folder: string;
  readonly #segments: string;
  readonly #bundlesFolder: string;
  readonly #checkpoints: CheckpointSequence;
  readonly bundling: Bundles;
  #readyToWrite = false;

  constructor(root: string, name: string) {
    const { log, snapshot } = parseLogName(name);
    this.#root = root;
    this.#folder = snapshot === undefined ? join(root, log) : join(root, log, "snapshots", snapshot);
    this.#segments = join(this.#folder, "segments");
    this.#bundlesFolder = join(this.#folder, "bundles");
    this.#checkpoints = checkpointFiles(this.#folder);
    this.bundling = new Bundles(this.#bundlePlace());
  }

  append(segment: SealedSegment): Promise<"stored" | "taken"> {
    return this.#guard(`Segment ${segment.number} can't be written`, async () => {
      await this.#prepareToWrite();
      const create = () => createFile(this.#path(segment.number), encodeSegment(segment));
      return this.bundling.answer(segment.number, create);
    });
  }

  async *headers({ after = 0, reverse = false }: { after?: number; reverse?: boolean } = {}): AsyncGenerator<StoredHeader> {
    for (const group of inOrder(groupsOf(await this.#groups(), await this.bundling.ranges()), reverse)) {
      if ((group + 1) * SEGMENTS_IN_GROUP <= after) continue;
      const singles = await this.#numbers(group); // before the bundles: what is not among these any more is in one of those
      const found = numbersInGroup(group, singles, await this.bundling.ranges());
      const numbers = inOrder(found, reverse).filter((number) => number > after);
      for (let at = 0; at < numbers.length; at += HEADERS_AT_ONCE) {
        const headers = numbers
          .slice(at, at + HEADERS_AT_ONCE)
          .map((number) => this.bundling.find(number, this.bundling.header, (single) => this.#header(single)));
        // One that can't be read throws in its turn, after those before it.
        for (const header of headers) header.catch(() => {});
        for (const reading of headers) {
          const header = await reading;
          if (header) yield header; // absent: removed by retention since the folder was read
        }
      }
    }
  }

  read(number: number): Promise<SealedSegment | null> {
    const single = async () => {
      const bytes = await readFile(this.#path(number)).catch(isAbsent);
      return bytes && decodeSegment(number, bytes);
    };
    return this.#guard(`Segment ${number} can't be read`, () => this.bundling.find(number, this.bundling.read, single));
  }

  readCheckpoint(): Promise<Checkpoint | null> {
    return this.#guard("The checkpoint can't be read", () => this.#checkpoints.read());
  }

  writeCheckpoint(checkpoint: Checkpoint, { takeOver = false }: { takeOver?: boolean } = {}): Promise<"stored" | "fenced"> {
    return this.#guard("The checkpoint can't be written", async () => {
      await this.#prepareToWrite();
      return this.#checkpoints.write(checkpoint, takeOver);
    });
  }

  remove(upTo?: number): Promise<void> {
    return this.#guard("Segments can't be removed", async () => {
      await this.bundling.remove(upTo);
      for (const group of await this.#groups()) {
        if (upTo !== undefined && group * SEGMENTS_IN_GROUP > upTo) break;
        for (const number of await this.#numbers(group)) if (upTo === undefined || number <= upTo) await removeFile(this.#path(number));
        const folder = this.#groupFolder(group);
        if (!(await removeEmptyFolder(folder))) await syncFolder(folder);
      }
      if (upTo === undefined) await this.#removeRest();
      else await syncFolder(this.#segments).catch(isAbsent);
    });
  }

  async close(): Promise<void> {}

  async hasSegments(): Promise<boolean> {
    for (const group of await this.#groups()) if ((await this.#numbers(group)).length > 0) return true;
    return false;
  }

  /** After the segments: the checkpoint, what writers left, and the folders. Those that hold another log (a snapshot, its base) stay. */
  async #removeRest(): Promise<void> {
    await this.#checkpoints.remove();
    for (const folder of [this.#segments, this.#bundlesFolder]) await rm(folder, { recursive: true, force: true });
    await removeLeftovers(this.#folder);
    let folder = this.#folder;
    for (; folder !== this.#root && (await removeEmptyFolder(folder)); ) folder = dirname(folder);
    await syncFolder(folder).catch(isAbsent);
  }

  /** Once a handle: nothing durable may lie in a folder that is not, and what died writers left is in the way of no one but the disk. */
  async #prepareToWrite(): Promise<void> {
    if (this.#readyToWrite) return;
    const folders = [this.#segments];
    while (folders[0] !== this.#root) folders.unshift(dirname(folders[0]!));
    for (const folder of folders) await makeFolder(folder);
    const newestGroup = (await this.#groups()).at(-1);
    for (const folder of [this.#folder, this.#bundlesFolder, ...(newestGroup === undefined ? [] : [this.#groupFolder(newestGroup)])])
      await removeLeftovers(folder);
    this.#readyToWrite = true;
  }

  async #header(number: number): Promise<StoredHeader | null> {
    return this.#guard(`Segment ${number} can't be read`, async () => {
      const file = await open(this.#path(number), "r").catch(isAbsent);
      try {
        return file && (await readSegmentHeader(number, file));
      } finally {
        await file?.close();
      }
    });
  }

  #bundlePlace(): BundlePlace {
    const path = (range: BundleRange) => join(this.#bundlesFolder, bundleName(range));
    const reading =
      (range: BundleRange): ReadBytes =>
      (position, length) =>
        readPiece(path(range), position, length);
    return {
      ranges: async () => bundlesNamed(await this.#list(this.#bundlesFolder)),
      index: (range) => readBundleIndex(range, reading(range)),
      payloads: (range) => readBundlePayloads(range, reading(range)),
      create: async (range, bundle) => {
        await this.#prepareToWrite();
        return createFile(path(range), encodeBundleFile(bundle));
      },
      remove: async (range) => {
        await removeFile(path(range));
        await syncFolder(this.#bundlesFolder).catch(isAbsent);
      },
      singles: async () => {
        const groups = await Promise.all((await this.#groups()).map((group) => this.#numbers(group)));
        return groups.flat();
      },
      removeSingles: async (numbers) => {
        for (const number of numbers) await removeFile(this.#path(number));
        for (const group of new Set(numbers.map(groupOf))) {
          const folder = this.#groupFolder(group);
          if (!(await removeEmptyFolder(folder))) await syncFolder(folder).catch(isAbsent);
        }
      },
    };
  }

  #groups = async (): Promise<number[]> => numbersOf(await this.#list(this.#segments), GROUP_NAME);
  #numbers = async (group: number): Promise<number[]> => numbersOf(await this.#list(this.#groupFolder(group)), SEGMENT_NAME);
  #list = (folder: string): Promise<string[]> => this.#guard(`The directory ${folder} can't be read`, () => namesIn(folder));

  #groupFolder = (group: number): string => join(this.#segments, groupName(group));
  #path = (number: number): string => join(this.#groupFolder(groupOf(number)), segmentName(number));

  async #guard<T>(what: string, run: () => Promise<T>): Promise<T> {
    try {
      return await run();
    } catch (error) {
      throw fileFailure(error, `${what} in ${this.#folder}`);
    }
  }
}

/** Null when there is no such file. */
async function readPiece(path: string, position: number, length?: number): Promise<Buffer | null> {
  if (length === undefined && position === 0) return readFile(path).catch(isAbsent);
  const file = await open(path, "r").catch(isAbsent);
  if (!file) return null;
  try {
    const buffer = Buffer.alloc(length ?? (await file.stat()).size - position);
    const { bytesRead } = await file.read(buffer, 0, buffer.length, position);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

const inOrder = (numbers: number[], reverse: boolean): number[] => (reverse ? numbers.toReversed() : numbers);
