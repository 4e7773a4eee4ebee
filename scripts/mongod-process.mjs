/** One mongod of a replica set: started, killed, paused and started again on the same data. */
import { mkdir, open, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { platform } from "node:process";
import { MongoClient } from "mongodb";
import { GuardedChild } from "./guarded-child.mjs";
import { GiveUp, waitFor } from "./wait-for.mjs";

/** @typedef {import('mongodb').Document} Document */
/** @typedef {{ username: string, password: string }} Credentials */

/** mongod's exit code for "cannot listen", nearly always because another process has the port. */
const EXIT_CANNOT_LISTEN = 48;
/** A clean shutdown first hands over and flushes; after this long it hangs. */
const SHUTDOWN_MS = 60_000;
const LOG_LINES_SHOWN = 15;

export class PortTaken extends Error {}

export class Member {
  /** @type {GuardedChild | undefined} the latest one, also when it has ended */
  #child;
  #paused = false;
  /** @type {Credentials | undefined} set once the root user exists */
  credentials;

  /** @param {{ mongod: string, args: readonly string[], port: number, dir: string, timeoutMs: number }} options */
  constructor({ mongod, args, port, dir, timeoutMs }) {
    this.mongod = mongod;
    this.args = args;
    this.port = port;
    this.dir = dir;
    this.timeoutMs = timeoutMs;
    this.logFile = join(dir, "mongod.log");
  }

  /** Where mongod itself listens; in the set's configuration it may have another name, such as a proxy. */
  get address() {
    return `127.0.0.1:${this.port}`;
  }

  /** Reaches this member and no other. */
  get directUri() {
    const { credentials } = this;
    return credentials
      ? `mongodb://${credentials.username}:${credentials.password}@${this.address}/?directConnection=true&authSource=admin`
      : `mongodb://${this.address}/?directConnection=true`;
  }

  get pid() {
    return this.#child?.running ? this.#child.pid : undefined;
  }

  get running() {
    return this.#child?.running ?? false;
  }

  get paused() {
    return this.running && this.#paused;
  }

  /** Starts it, again if it ran before; resolves once it accepts connections. */
  async start() {
    if (this.running) throw new Error(`mongod on port ${this.port} runs already`);
    await mkdir(join(this.dir, "data"), { recursive: true });
    const logStart = await stat(this.logFile).then(
      (info) => info.size,
      () => 0,
    );
    const child = new GuardedChild(this.mongod, [...this.args, ...this.#ownArgs()]);
    this.#child = child;
    this.#paused = false;
    const ready = async () => {
      const gone = !child.running; // before the log is read, so that its last lines are in it
      const lines = await linesFrom(this.logFile, logStart);
      // Bad options are refused before there is a log.
      if (gone) throw new GiveUp(this.#startFailure(child, [...lines, ...child.output.split("\n")]));
      // Seen in its own log rather than by connecting: something else might answer on the port.
      return lines.some((line) => /waiting for connections/i.test(line));
    };
    try {
      await waitFor(`mongod on port ${this.port} to accept connections`, ready, { timeoutMs: this.timeoutMs });
    } catch (error) {
      await this.kill();
      throw error;
    }
  }

  /** As a crash: no cleanup of any kind. */
  async kill() {
    this.#child?.signal("SIGKILL");
    await this.#child?.ended;
  }

  /** A clean shutdown. */
  async stop() {
    const child = this.#child;
    child?.signal("SIGTERM");
    this.resume();
    const hanging = setTimeout(() => child?.signal("SIGKILL"), SHUTDOWN_MS);
    await child?.ended;
    clearTimeout(hanging);
  }

  /** Freezes it: connections stay open and nothing answers. */
  async pause() {
    if (!this.running) throw new Error(`mongod on port ${this.port} does not run`);
    this.#child?.signal("SIGSTOP");
    this.#paused = true;
    if (platform !== "linux") return;
    // The signal takes effect a little later; `T` is the state of a stopped process.
    await waitFor("mongod to be paused", async () => /\) T /.test(await readFile(`/proc/${this.pid}/stat`, "utf8")), { everyMs: 2 });
  }

  resume() {
    this.#child?.signal("SIGCONT");
    this.#paused = false;
  }

  /**
   * Runs a command on this member, on a connection of its own.
   * @param {Document} command @param {{ db?: string, anonymous?: boolean }} [options] @returns {Promise<Document>}
   */
  async command(command, { db = "admin", anonymous = false } = {}) {
    const uri = anonymous ? `mongodb://${this.address}/?directConnection=true` : this.directUri;
    // 2 s: a local server answers in milliseconds, and whoever asks about one that is down asks again.
    const client = new MongoClient(uri, { serverSelectionTimeoutMS: 2000, connectTimeoutMS: 2000, maxPoolSize: 1 });
    try {
      return await client.db(db).command(command);
    } finally {
      await client.close();
    }
  }

  /** The log of this member, all of its runs. */
  async log() {
    return readFile(this.logFile, "utf8");
  }

  #ownArgs() {
    return ["--port", `${this.port}`, "--dbpath", join(this.dir, "data"), "--logpath", this.logFile, "--logappend"];
  }

  /** @param {GuardedChild} child @param {string[]} lines */
  #startFailure(child, lines) {
    const how = child.failure?.message ?? child.signalCode ?? `code ${child.exitCode}`;
    const shown = lines.filter(Boolean).slice(-LOG_LINES_SHOWN).join("\n");
    const text = `mongod on port ${this.port} did not start (${how})`;
    if (child.exitCode === EXIT_CANNOT_LISTEN) return new PortTaken(`${text}: the port is taken or may not be used\n${shown}`);
    return new Error(`${text}; the end of its log:\n${shown}`);
  }
}

/** @param {string} file @param {number} start @returns {Promise<string[]>} */
async function linesFrom(file, start) {
  const handle = await open(file).catch(() => undefined);
  if (!handle) return [];
  try {
    const { size } = await handle.stat();
    const buffer = Buffer.alloc(Math.max(0, size - start));
    await handle.read(buffer, 0, buffer.length, start);
    return buffer.toString("utf8").split("\n");
  } finally {
    await handle.close();
  }
}
