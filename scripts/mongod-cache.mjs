/** Puts a fetched mongod into the cache in one step, so that no process ever sees half of one. */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

const TEMPORARY = ".fetching-";
/** Far longer than any fetch takes: a directory this old was left by a process that died. */
const ABANDONED_MS = 6 * 3_600_000;
/** `--version` takes milliseconds, but the first read of a 140 MB binary from a busy disk does not. */
const VERSION_TIMEOUT_MS = 60_000;

/** @param {string} path @returns {Promise<string>} such as `6.0.5`; rejects when the file is not a mongod that runs */
export async function mongodVersion(path) {
  const { stdout } = await run(path, ["--version"], { timeout: VERSION_TIMEOUT_MS });
  const version = /^db version v(\d+\.\d+\.\d+)/m.exec(stdout)?.[1];
  if (!version) throw new Error("--version did not print a mongod version");
  return version;
}

/**
 * @param {string} cache
 * @param {(dir: string) => Promise<void>} build fills `dir` with at least an executable `mongod`
 * @returns {Promise<{ path: string, version: string }>} the cached mongod
 */
export async function addToCache(cache, build) {
  await mkdir(cache, { recursive: true });
  await removeAbandoned(cache);
  // Inside the cache, because a rename is atomic only within one file system.
  const dir = await mkdtemp(join(cache, TEMPORARY));
  try {
    await build(dir);
    const version = await mongodVersion(join(dir, "mongod"));
    const target = join(cache, `mongod-${version}`);
    await rename(dir, target).catch((/** @type {NodeJS.ErrnoException} */ error) => {
      // Another process finished first: its copy is as good as ours.
      if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error;
    });
    return { path: join(target, "mongod"), version };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** @param {string} cache */
async function removeAbandoned(cache) {
  for (const name of await readdir(cache)) {
    if (!name.startsWith(TEMPORARY)) continue;
    const path = join(cache, name);
    const info = await stat(path).catch(() => undefined);
    if (info && Date.now() - info.mtimeMs > ABANDONED_MS) await rm(path, { recursive: true, force: true });
  }
}
