/**
 * A store of one's own: a folder a log, in it a file `s<number>` a segment, and as the checkpoint the newest of the files `c<sequence>`.
 * docs/sink-guide.md says what has to hold; packages/collector-core/src/stores/custom-sink.test.ts runs the conformance suite on it.
 */
import { randomUUID } from "node:crypto";
import { link, mkdir, open, readdir, readFile, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { decodeCheckpoint, encodeCheckpoint, parseLogName } from "@oplog-collector/collector-core";

/** @typedef {import("@oplog-collector/collector-core").Store} Store */
/** @param {string} root @returns {import("@oplog-collector/collector-core").StoreLocation} */
export const folderStore = (root) => ({
  async log(name) {
    parseLogName(name); // throws on what is no log's name
    return logIn(join(root, name));
  },
  async names(prefix = "") {
    const named = (await namesIn(root)).filter((name) => name.startsWith(prefix));
    const counts = await Promise.all(named.map(async (name) => (await numbersIn(join(root, name), "s")).length));
    return named.filter((_, i) => counts[i]).sort();
  },
  async close() {},
});

/** So many old checkpoints stay: a writer that sleeps while fewer are written finds that its next number is taken. */
const CHECKPOINTS_KEPT = 100;

/** @param {string} folder @returns {Store} */
function logIn(folder) {
  /** @type {string | undefined} */
  let lastWriter;
  const path = (/** @type {string} */ kind, /** @type {number} */ number) => join(folder, kind + `${number}`.padStart(16, "0"));
  return {
    append: ({ number, hash, header, payload }) => create(path("s", number), [hash, header, payload]),
    async read(number) {
      const bytes = await readFile(path("s", number)).catch(isAbsent);
      if (!bytes) return null;
      const end = 32 + bytes.readInt32LE(32); // a hash has 32 bytes; the header, a BSON document, begins with its length
      return { number, hash: bytes.subarray(0, 32), header: bytes.subarray(32, end), payload: bytes.subarray(end) };
    },
    async *headers({ after = 0, reverse = false } = {}) {
      const numbers = (await numbersIn(folder, "s")).filter((number) => number > after);
      for (const number of reverse ? numbers.reverse() : numbers) {
        const segment = await this.read(number);
        if (segment)
          yield { number, header: segment.header, hash: segment.hash, storedBytes: segment.header.length + segment.payload.length };
      }
    },
    async readCheckpoint() {
      const newest = (await numbersIn(folder, "c")).at(-1);
      return newest === undefined ? null : decodeCheckpoint(await readFile(path("c", newest)));
    },
    async writeCheckpoint(checkpoint, { takeOver = false } = {}) {
      const writer = checkpoint.writer?.id ?? lastWriter; // a release is that of who wrote before
      for (;;) {
        const sequences = await numbersIn(folder, "c");
        const holder = (await this.readCheckpoint())?.writer;
        if (!takeOver && holder && holder.id !== writer) return "fenced";
        if ((await create(path("c", (sequences.at(-1) ?? 0) + 1), [encodeCheckpoint(checkpoint)])) === "taken") continue; // look again
        lastWriter = writer;
        for (const old of sequences.slice(0, -CHECKPOINTS_KEPT)) await rm(path("c", old), { force: true });
        return "stored";
      }
    },
    async remove(upTo) {
      if (upTo === undefined) return rm(folder, { recursive: true, force: true });
      for (const number of await numbersIn(folder, "s")) if (number <= upTo) await rm(path("s", number), { force: true });
    },
    async close() {},
  };
}

/** Whole and durable, or not at all; and only if the name is free. @param {string} path @param {Buffer[]} pieces @returns {Promise<"stored" | "taken">} */
async function create(path, pieces) {
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.${randomUUID()}`;
  try {
    await synced(temporary, "wx", (file) => file.writeFile(Buffer.concat(pieces)));
    const taken = await link(temporary, path).then(() => false, isCode("EEXIST"));
    await synced(dirname(path), "r"); // the name is durable too
    return taken ? "taken" : "stored";
  } finally {
    await rm(temporary, { force: true });
  }
}

/** @param {string} path @param {string} flags @param {(file: import("node:fs/promises").FileHandle) => Promise<void>} [write] */
async function synced(path, flags, write = async () => {}) {
  const file = await open(path, flags);
  try {
    await write(file);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** @param {string} folder @param {string} kind */
const numbersIn = async (folder, kind) =>
  (await namesIn(folder))
    .filter((name) => name.length === 17 && name.startsWith(kind))
    .map((name) => Number(name.slice(1)))
    .sort((a, b) => a - b);

/** @param {string} folder */
const namesIn = async (folder) => (await readdir(folder).catch(isAbsent)) ?? [];

/** @param {string} code */
const isCode = (code) => (/** @type {NodeJS.ErrnoException} */ error) => {
  if (error.code === code) return true;
  throw error;
};

/** @param {NodeJS.ErrnoException} error */
const isAbsent = (error) => isCode("ENOENT")(error) && null;
