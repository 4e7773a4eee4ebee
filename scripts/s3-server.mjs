/**
 * Starts a real S3-compatible server (moto) on 127.0.0.1, for tests and benchmarks. It keeps its objects in memory.
 *
 *   await using s3 = await startS3Server();
 *   await openStore(s3.uri("bucket/prefix"));
 */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { freePort } from "./free-port.mjs";
import { GuardedChild } from "./guarded-child.mjs";
import { cacheDir } from "./mongod.mjs";
import { GiveUp, waitFor } from "./wait-for.mjs";

const run = promisify(execFile);

/** Exactly what was tried: `moto[server]` would bring three times as much. */
const REQUIREMENTS = ["moto[s3]==5.2.5", "flask==3.1.3", "flask-cors==6.0.5", "werkzeug==3.1.9"];

/** 40 MB of wheels; this leaves room for a slow line and only ends a download that hangs. */
const PIP_TIMEOUT_MS = 10 * 60_000;

const SCRIPT = fileURLToPath(new URL("./s3-server.py", import.meta.url));

/** Any are good for moto. */
const CREDENTIALS = { accessKeyId: "test-key", secretAccessKey: "test-secret" };

/** @param {{ port?: number }} [options] */
export async function startS3Server({ port } = {}) {
  const libraries = await findLibraries();
  const at = port ?? (await freePort());
  const child = new GuardedChild("python3", [SCRIPT, libraries, `${at}`]);
  await waitFor("the S3 server to be ready", () => {
    if (!child.running) throw new GiveUp(new Error(`The S3 server did not start: ${child.failure?.message ?? child.output}`));
    return child.output.includes("ready\n");
  });
  return new S3Server(child, at);
}

class S3Server {
  #child;
  /** @param {GuardedChild} child @param {number} port */
  constructor(child, port) {
    this.#child = child;
    this.port = port;
  }

  get endpoint() {
    return `http://127.0.0.1:${this.port}`;
  }

  /** The URI of a store there. @param {string} place bucket and prefix @param {{ port?: number }} [options] a proxy's port */
  uri(place, { port = this.port } = {}) {
    const { accessKeyId, secretAccessKey } = CREDENTIALS;
    return `s3://${accessKeyId}:${secretAccessKey}@${place}?endpoint=http://127.0.0.1:${port}&region=us-east-1`;
  }

  /** moto asks no one who may: a plain PUT makes the bucket. @param {string} name */
  async createBucket(name) {
    const { ok, status } = await fetch(`${this.endpoint}/${name}`, { method: "PUT" });
    if (!ok) throw new Error(`The S3 server did not make the bucket ${name}: ${status}`);
  }

  /** Freezes it: connections stay open and nothing answers. */
  pause() {
    this.#child.signal("SIGSTOP");
  }

  resume() {
    this.#child.signal("SIGCONT");
  }

  async stop() {
    this.#child.signal("SIGKILL"); // it holds nothing but memory
    await this.#child.ended;
  }

  async [Symbol.asyncDispose]() {
    await this.stop();
  }
}

/** The Python libraries, from the cache or fetched into it; for all of a process's servers once. @type {Promise<string> | undefined} */
let search;
const findLibraries = () => {
  search ??= fetchLibraries();
  return search;
};

async function fetchLibraries() {
  const target = join(cacheDir(), `moto-${REQUIREMENTS[0]?.split("==")[1]}`);
  if (await stat(target).catch(() => undefined)) return target;
  await mkdir(cacheDir(), { recursive: true });
  // Into a directory of its own and renamed when complete, so that no process ever sees half of it.
  const dir = await mkdtemp(join(cacheDir(), ".fetching-"));
  try {
    const pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary=:all:", "--target", dir];
    await run("python3", [...pip, ...REQUIREMENTS], { timeout: PIP_TIMEOUT_MS }).catch((error) => {
      const said = String(error.stderr || error.message).trim();
      throw new Error(
        `The tests of the S3 store need Python 3 and, from its package index, ${REQUIREMENTS[0]}: ${said.split("\n").at(-1)}`,
      );
    });
    await rename(dir, target).catch((/** @type {NodeJS.ErrnoException} */ error) => {
      if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error; // another process was first: its copy is as good
    });
    return target;
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
