/** What the members of a set are started with, and what is kept in its directory. */
import { randomBytes } from "node:crypto";
import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** @typedef {import("./replica-set.mjs").ReplicaSetOptions} ReplicaSetOptions */
/** @typedef {import("./mongod-process.mjs").Credentials} Credentials */
/** @typedef {{ ports: number[], hosts: string[], credentials?: Credentials | undefined, initiated: boolean }} Saved what a later start in the same `dir` needs */

/** @param {ReplicaSetOptions} options @param {string} name @param {string} dir */
export async function commonArgs(
  { oplogSizeMB = 256, cacheGB = 0.25, setParameter = {}, testCommands = false, auth, args = [] },
  name,
  dir,
) {
  const parameters = {
    diagnosticDataCollectionEnabled: false, // writes statistics every second that nobody reads here
    ...(testCommands && { enableTestCommands: 1 }),
    ...setParameter,
  };
  return [
    ...["--replSet", name, "--bind_ip", "127.0.0.1"],
    "--nounixsocket", // would leave a file in the system's directory for temporary ones after kill -9
    // 0.25 GB is the least WiredTiger takes; its own default is half of the memory, per member.
    ...["--oplogSize", `${oplogSizeMB}`, "--wiredTigerCacheSizeGB", `${cacheGB}`],
    ...Object.entries(parameters).flatMap(([key, value]) => ["--setParameter", `${key}=${value}`]),
    ...(auth ? ["--keyFile", await keyFile(dir)] : []),
    ...args,
  ];
}

/**
 * The server waits 10 s before it elects a new primary; tests cannot. Two
 * seconds are still enough for a heartbeat to get through on a busy machine.
 * @param {ReplicaSetOptions} options
 */
export function electionSettings({ electionTimeoutMs = 2000 }) {
  return { electionTimeoutMillis: electionTimeoutMs, heartbeatIntervalMillis: Math.min(500, electionTimeoutMs / 2) };
}

/** The secret that members share; mongod wants it readable by its owner only. @param {string} dir */
async function keyFile(dir) {
  const file = join(dir, "key");
  await writeFile(file, randomBytes(96).toString("base64"), { mode: 0o600, flag: "wx" }).catch((error) => {
    if (error.code !== "EEXIST") throw error;
  });
  return file;
}

/** @param {string} dir @returns {Promise<Saved | undefined>} */
export async function load(dir) {
  const text = await readFile(join(dir, "set.json"), "utf8").catch(() => undefined);
  return text === undefined ? undefined : JSON.parse(text);
}

/** @param {string} dir @param {Saved} saved */
export async function save(dir, saved) {
  // Whole or not at all, and for nobody else: it may hold the password.
  await writeFile(join(dir, "set.json.new"), JSON.stringify(saved), { mode: 0o600 });
  await rename(join(dir, "set.json.new"), join(dir, "set.json"));
}
