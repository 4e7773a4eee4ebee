/** The reference server as a process of its own, with clusters registered: what it takes, from /proc and from outside. */
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { guardProcess, releaseProcess } from "../scripts/orphan-guard.mjs";
import { waitFor } from "../scripts/wait-for.mjs";
import { cpuSeconds } from "./machine.mjs";

const PROGRAM = fileURLToPath(new URL("../apps/server/dist/main.js", import.meta.url));

/** Hundreds of change streams are opened one after another by one mongod. */
const ALL_RUN_MS = 180_000;

/**
 * @typedef {object} ManagedServerOptions
 * @property {string} metadataUri a database of its own is used there
 * @property {string} sourceUri @property {string} storeUri @property {string} folder for its logs and key
 * @property {"process" | "in-process"} runner
 * @property {number} clusters how many are registered, each one database of the source
 * @property {(line: string) => void} log
 */

export class ManagedServer {
  /** @param {import('node:child_process').ChildProcess} child @param {string} url */
  constructor(child, url) {
    this.child = child;
    this.url = url;
  }

  /** Resolves once all clusters run. @param {ManagedServerOptions} options */
  static async start({ metadataUri, sourceUri, storeUri, folder, runner, clusters, log }) {
    const id = randomUUID().slice(0, 8);
    const cwd = join(folder, id);
    await mkdir(cwd);
    const env = { ...process.env, CENTRAL_METADATA_DB_URI: metadataUri.replace("/?", `/bench_${id}?`), PORT: "0", RUNNER: runner };
    const execArgv = process.env.BENCH_SERVER_NODE_OPTIONS?.split(" ") ?? [];
    const child = spawn(process.execPath, [...execArgv, PROGRAM], { cwd, env, stdio: ["ignore", "ignore", "pipe"] });
    guardProcess(/** @type {number} */ (child.pid));
    child.once("exit", () => releaseProcess(/** @type {number} */ (child.pid)));
    let said = "";
    child.stderr.on("data", (chunk) => {
      said += chunk;
    });
    const url = await waitFor("the server to listen", () => /http:\/\/\S+(?=;)/.exec(said)?.[0]);
    const server = new ManagedServer(child, url);
    log(`Manager: ${clusters} clusters, ${runner} …`);
    for (let n = 0; n < clusters; n++) {
      const body = JSON.stringify({ name: `c${id}-${n}`, connectionString: sourceUri, storeUri, database: `c${n}` });
      const response = await fetch(`${url}/api/clusters`, { method: "POST", headers: { "content-type": "application/json" }, body });
      if (!response.ok) throw new Error(`registering failed: ${await response.text()}`);
    }
    await waitFor("all clusters to run", async () => (await server.list()).every(({ state }) => state === "running"), {
      timeoutMs: ALL_RUN_MS,
      everyMs: 500,
    });
    return server;
  }

  /** @returns {Promise<{ state: string }[]>} */
  async list() {
    return /** @type {{ state: string }[]} */ (await (await fetch(`${this.url}/api/clusters`)).json());
  }

  /** To the last byte. What a client then makes of them is its own time. */
  async listBytes() {
    const response = await fetch(`${this.url}/api/clusters`);
    if (!response.ok) throw new Error(`the list was answered with ${response.status}`);
    return (await response.arrayBuffer()).byteLength;
  }

  get pid() {
    return /** @type {number} */ (this.child.pid);
  }

  /** Of one core, over the next while. @param {number} ms */
  async coresUsed(ms) {
    const [before, startedAt] = [await cpuSeconds(this.pid), performance.now()];
    await sleep(ms);
    return ((await cpuSeconds(this.pid)) - before) / ((performance.now() - startedAt) / 1_000);
  }

  memoryMB() {
    return residentMB(this.pid);
  }

  /** Of each collector's own process. */
  async childrenMemoryMB() {
    const found = [];
    for (const entry of await readdir("/proc")) {
      if (!/^\d+$/.test(entry)) continue;
      const stat = await readFile(`/proc/${entry}/stat`, "utf8").catch(() => "");
      const command = await readFile(`/proc/${entry}/cmdline`, "utf8").catch(() => "");
      // The fourth field, the second after the name, is the parent.
      const parent = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
      if (parent === this.pid && command.includes("collector-child")) found.push(await residentMB(Number(entry)));
    }
    return found;
  }

  /** How long each answer took, in ms, at an even rate, however long the ones before took. @param {number} perSecond @param {number} ms */
  async answerTimes(perSecond, ms) {
    const [startedAt, count] = [performance.now(), Math.round((perSecond * ms) / 1_000)];
    const asking = [];
    for (let n = 0; n < count; n++) {
      const due = startedAt + (n * 1_000) / perSecond;
      await sleep(Math.max(0, due - performance.now()));
      // From when it was due: a client that is late itself must not hide a server that is.
      asking.push(this.listBytes().then(() => performance.now() - due));
    }
    return Promise.all(asking);
  }

  async stop() {
    const ended = new Promise((resolve) => this.child.once("exit", resolve));
    this.child.kill("SIGTERM");
    await ended;
  }
}

/** @param {number} pid */
async function residentMB(pid) {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return (Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) * 1024) / 1e6;
}

const sleep = (/** @type {number} */ ms) => new Promise((resolve) => setTimeout(resolve, ms));
