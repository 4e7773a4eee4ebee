/** The mongod of a run: started when first asked for, shared by its figures, gone at the end. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MongoClient } from "mongodb";
import { guardDirectory, releaseDirectory } from "../scripts/orphan-guard.mjs";
import { startReplicaSet } from "../scripts/replica-set.mjs";

/** @typedef {Awaited<ReturnType<typeof startReplicaSet>>} ReplicaSet */
/** @typedef {{ uri: string, client: MongoClient, pid: number, set: ReplicaSet }} Server */

/** Enough for the backlog several times over: nothing of it may roll over while it is read again and again. */
const OPLOG_MB = 2_048;
/** The backlog stays in the source's memory: the fastest the server can be, so the hardest ceiling for us. */
const SOURCE_CACHE_GB = 2;
const STORE_CACHE_GB = 0.25;
/** Ten times as much: a long log is to show how we behave, not how a server does whose memory is full. */
const LONG_OPLOG_MB = 8_192;
const LONG_CACHE_GB = 4;

export class Servers {
  /** @type {Map<string, Promise<Server>>} */
  #started = new Map();
  /** @type {Promise<string> | undefined} */
  #folder;

  /** @param {(line: string) => void} log */
  constructor(log) {
    this.log = log;
  }

  /** What is captured. A backlog is drained to the end of the oplog, so each has a server of its own. @param {string} [name] */
  source(name = "source") {
    return this.#server(name, SOURCE_CACHE_GB);
  }

  /** Where the log goes, when not to files. */
  store() {
    return this.#server("store", STORE_CACHE_GB);
  }

  /** Where a log is applied to. */
  target() {
    return this.#server("target", SOURCE_CACHE_GB);
  }

  /** As the source and the target, for a long log. */
  longSource() {
    return this.#server("long-source", LONG_CACHE_GB, LONG_OPLOG_MB);
  }

  longTarget() {
    return this.#server("long-target", LONG_CACHE_GB, LONG_OPLOG_MB);
  }

  /** A folder for logs in files. */
  folder() {
    this.#folder ??= mkdtemp(join(tmpdir(), "oplog-bench-")).then((folder) => {
      guardDirectory(folder);
      return folder;
    });
    return this.#folder;
  }

  async stop() {
    for (const starting of this.#started.values()) {
      const server = await starting.catch(() => undefined);
      await server?.client.close();
      await server?.set.stop();
    }
    if (!this.#folder) return;
    const folder = await this.#folder;
    await rm(folder, { recursive: true, force: true });
    releaseDirectory(folder);
  }

  /** @param {string} name @param {number} cacheGB @param {number} [oplogSizeMB] */
  #server(name, cacheGB, oplogSizeMB = OPLOG_MB) {
    let server = this.#started.get(name);
    if (!server) {
      server = this.#start(name, cacheGB, oplogSizeMB);
      this.#started.set(name, server);
    }
    return server;
  }

  /** @param {string} name @param {number} cacheGB @param {number} oplogSizeMB @returns {Promise<Server>} */
  async #start(name, cacheGB, oplogSizeMB) {
    const set = await startReplicaSet({ name, oplogSizeMB, cacheGB, log: this.log });
    const client = await new MongoClient(set.uri).connect();
    return { uri: set.uri, client, pid: /** @type {number} */ (set.member(0).pid), set };
  }
}
