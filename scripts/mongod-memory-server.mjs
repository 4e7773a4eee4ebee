/**
 * mongod downloaded by mongodb-memory-server. It runs in a child process that is
 * ended as soon as nothing arrives: the library itself allows a minute of silence
 * per attempt, too long to wait where its download site cannot be reached.
 */
import { spawn } from "node:child_process";
import { copyFile, mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { env, execPath } from "node:process";
import { addToCache } from "./mongod-cache.mjs";

/** Enough for a slow connection to begin or resume; a download that is alive writes many times a second. */
const SILENCE_MS = 10_000;
const LOOK_EVERY_MS = 500;

/** Run by the child: arguments are the library's file and the version, or '' for its default. */
const DOWNLOAD = `
  const [library, version] = process.argv.slice(1);
  const { MongoBinary } = require(library);
  MongoBinary.getPath({ checkMD5: true, ...(version && { version }) }).then(
    (path) => process.send(path),
    (error) => { process.stderr.write(String(error?.message ?? error)); process.exitCode = 1; },
  );
`;

/**
 * @param {{ cache: string, version?: string | undefined, log: (line: string) => void }} options
 * @returns {Promise<{ path: string, version: string }>}
 */
export async function fetchFromMemoryServer({ cache, version, log }) {
  const library = createRequire(import.meta.url).resolve("mongodb-memory-server");
  return addToCache(cache, async (dir) => {
    const downloads = join(dir, "download");
    await mkdir(downloads);
    log(`mongod: mongodb-memory-server download of ${version ?? "its default version"}`);
    const path = await download(library, version ?? "", downloads);
    // Outside `downloads` it is one that the library had cached before: leave that in place.
    await (path.startsWith(downloads) ? rename : copyFile)(path, join(dir, "mongod"));
    await rm(downloads, { recursive: true, force: true });
  });
}

/** @param {string} library @param {string} version @param {string} dir @returns {Promise<string>} */
async function download(library, version, dir) {
  const child = spawn(execPath, ["-e", DOWNLOAD, library, version], {
    stdio: ["ignore", "ignore", "pipe", "ipc"],
    env: {
      ...env,
      MONGOMS_DOWNLOAD_DIR: dir,
      MONGOMS_SYSTEM_BINARY: "", // was looked at before
      MONGOMS_MAX_RETRIES: "1", // its retries wait for seconds without anything arriving
      npm_config_strict_ssl: "true", // unset, the library does not verify certificates
    },
  });
  let [path, complaint] = ["", ""];
  child.on("message", (message) => (path = String(message)));
  child.stderr?.on("data", (chunk) => (complaint += chunk));

  let [size, lastGrowth, silent] = [-1, Date.now(), false];
  const watch = setInterval(async () => {
    const now = await sizeOf(dir);
    if (now > size) [size, lastGrowth] = [now, Date.now()];
    else if (Date.now() - lastGrowth > SILENCE_MS) silent = child.kill("SIGKILL");
  }, LOOK_EVERY_MS);
  const code = await new Promise((resolve, reject) => child.on("close", resolve).on("error", reject)).finally(() => clearInterval(watch));
  if (silent) throw new Error(`nothing arrived for ${SILENCE_MS / 1000} s`);
  if (code !== 0 || !path) throw new Error(complaint.trim() || `its download ended with code ${code}`);
  return path;
}

/** @param {string} dir */
async function sizeOf(dir) {
  const files = await readdir(dir).catch(() => []);
  const sizes = await Promise.all(
    files.map((file) =>
      stat(join(dir, file)).then(
        (info) => info.size,
        () => 0,
      ),
    ),
  );
  return sizes.reduce((sum, bytes) => sum + bytes, 0);
}
