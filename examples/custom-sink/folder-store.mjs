/**
 * A store of one's own: four operations on named runs of bytes, here on the files of a folder. docs/sink-guide.md says what has to hold of them;
 * packages/collector-core/src/stores/custom-sink.test.ts runs the conformance suite on this one, and captures into it.
 */
import { randomUUID } from "node:crypto";
import { mkdirSync } from "node:fs";
import { link, open, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { objectStoreLocation } from "@oplog-collector/collector-core";

/** @param {string} folder */
export function folderStore(folder) {
  mkdirSync(folder, { recursive: true });
  const path = (/** @type {string} */ name) => join(folder, name.replaceAll("/", "!")); // no name has a "!" of its own
  return objectStoreLocation({
    async create(name, bytes) {
      const temporary = join(folder, `.${randomUUID()}`);
      try {
        await writeFile(temporary, bytes, { flush: true });
        // The whole file gets its name at once, and only if the name is free.
        const taken = await link(temporary, path(name)).then(() => false, orIf("EEXIST", true));
        const directory = await open(folder);
        await directory.sync().finally(() => directory.close()); // the name is durable too
        return taken ? "taken" : "stored";
      } finally {
        await rm(temporary, { force: true });
      }
    },
    read: (name) => readFile(path(name)).catch(orIf("ENOENT", null)),
    list: async (prefix) => (await readdir(folder)).map((file) => file.replaceAll("!", "/")).filter((name) => name.startsWith(prefix)),
    async remove(names) {
      for (const name of names) await rm(path(name), { force: true });
    },
  });
}

/** For `catch`: that value when the error has that code. @template T @param {string} code @param {T} value */
const orIf = (code, value) => (/** @type {NodeJS.ErrnoException} */ error) => {
  if (error.code !== code) throw error;
  return value;
};
