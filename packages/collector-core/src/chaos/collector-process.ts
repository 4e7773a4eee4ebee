import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { guardProcess, releaseProcess } from "../../../../scripts/orphan-guard.mjs";
import { waitFor } from "../../../../scripts/wait-for.mjs";
import { type ClusterTime, parseClusterTime } from "../cluster-time.js";
import type { PrintedStatus } from "../status.js";

const OPLOG = fileURLToPath(new URL("../../../../apps/cli/bin/oplog.js", import.meta.url));
const CRASH_POINTS = new URL("./crash-points.mjs", import.meta.url).href;

/** Where `crash-points.mjs` can kill: on the file store `mid-append` is between the pieces of a file, on the MongoDB store between parts or among the entries. */
export type CrashPoint =
  | "before-append"
  | "after-append"
  | "mid-append"
  | "before-checkpoint"
  | "in-checkpoint"
  | "before-bundle"
  | "after-bundle"
  | "in-removal";

export const CRASH_POINTS_ALL: readonly CrashPoint[] = [
  "before-append",
  "after-append",
  "mid-append",
  "before-checkpoint",
  "in-checkpoint",
];

export interface CollectOrder {
  source: string;
  store: string;
  name: string;
  /** Further arguments of `oplog collect`. */
  args?: string[];
  crash?: { point: CrashPoint; occurrence: number };
}

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** `oplog collect --json`, as a user runs it: a real process. */
export class CollectorProcess {
  /** The newest status line. */
  status: PrintedStatus | null = null;
  /** Every state it was in, with the message of its error, each once in a row. */
  readonly states: string[] = [];
  /** The last that it wrote to stderr. */
  stderr = "";
  exit: Exit | null = null;
  readonly ended: Promise<Exit>;
  private constructor(private readonly child: ChildProcess) {
    if (child.pid !== undefined) guardProcess(child.pid);
    createInterface(child.stdout!).on("line", (line) => this.read(line));
    child.stderr!.setEncoding("utf8").on("data", (text) => {
      this.stderr = (this.stderr + text).slice(-20_000);
    });
    this.ended = once(child, "close").then(([code, signal]) => {
      if (child.pid !== undefined) releaseProcess(child.pid);
      this.exit = { code, signal };
      return this.exit;
    });
  }

  static start({ source, store, name, args = [], crash }: CollectOrder): CollectorProcess {
    const preload = crash ? ["--import", CRASH_POINTS] : [];
    const child = spawn(
      process.execPath,
      [...preload, OPLOG, "collect", "--json", "--source", "env:CHAOS_SOURCE", "--store", "env:CHAOS_STORE", "--name", name, ...args],
      {
        stdio: ["ignore", "pipe", "pipe"],
        env: { ...process.env, CHAOS_SOURCE: source, CHAOS_STORE: store, ...(crash && { CHAOS_CRASH_POINT: JSON.stringify(crash) }) },
      },
    );
    return new CollectorProcess(child);
  }

  get pid(): number {
    return this.child.pid!;
  }

  /** Everything up to here is in the log, as it says itself. */
  get coveredTo(): ClusterTime {
    return (this.status?.coveredTo && parseClusterTime(this.status.coveredTo)) || 0n;
  }

  /** Waits for a status; fails at once, with what it said, when the process ends instead. */
  async until(what: string, condition: (status: PrintedStatus) => boolean, timeoutMs = 60_000): Promise<void> {
    const met = () => this.status !== null && condition(this.status);
    await waitFor(`the collector: ${what}`, () => met() || this.exit, { timeoutMs, everyMs: 20 }).catch((error) => {
      throw new Error(`${error.message}; its status is ${JSON.stringify(this.status)}\n${this.stderr.slice(-3_000)}`);
    });
    if (!met()) throw new Error(`The collector ended (${JSON.stringify(this.exit)}) before: ${what}\n${this.stderr.slice(-3_000)}`);
  }

  running(): Promise<void> {
    return this.until("is running", ({ state }) => state === "running");
  }

  /** Waits until it runs, and has stored something that it had not when this was called. */
  async goesOn(timeoutMs = 90_000): Promise<void> {
    const before = this.status?.events ?? 0;
    await this.until("runs and stores events", ({ state, events }) => state === "running" && events > before, timeoutMs);
  }

  signal(name: NodeJS.Signals): void {
    this.child.kill(name);
  }

  kill(): Promise<Exit> {
    this.signal("SIGKILL");
    return this.ended;
  }

  /** As an operator stops it: it stores what it has read, and exits with 0. */
  async stop(): Promise<void> {
    this.signal("SIGTERM");
    const { code, signal } = await this.ended;
    if (code !== 0) throw new Error(`The collector was stopped and ended with ${code ?? signal}\n${this.stderr.slice(-3_000)}`);
  }

  /** Frozen with its connections open, as a machine that was suspended. */
  async pause(): Promise<void> {
    this.signal("SIGSTOP");
    await waitFor("the collector to be paused", async () => /\) T /.test(await readFile(`/proc/${this.pid}/stat`, "utf8")), { everyMs: 2 });
  }

  resume(): void {
    this.signal("SIGCONT");
  }

  /** The most memory it ever had, in MiB: Linux keeps it as `VmHWM`. */
  async peakMemoryMiB(): Promise<number> {
    const found = /^VmHWM:\s+(\d+) kB/m.exec(await readFile(`/proc/${this.pid}/status`, "utf8"));
    return Math.round(Number(found?.[1]) / 1024);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.exit) {
      this.resume();
      await this.kill();
    }
  }

  private read(line: string): void {
    const status = JSON.parse(line) as PrintedStatus;
    this.status = status;
    const state = status.error ? `${status.state}: ${status.error.message}` : status.state;
    if (this.states.at(-1) !== state) this.states.push(state);
  }
}

export interface Answer {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs any `oplog` command to its end. */
export async function oplog(...args: string[]): Promise<Answer> {
  const { signal, code, ...printed } = await run([OPLOG, ...args], process.env);
  if (code === null) throw new Error(`oplog ${args[0]} was ended by ${signal}`);
  return { code, ...printed };
}

/** Runs any `oplog` command until it is killed at a point; throws when it comes to its end before. `store` is the one that it writes. */
export async function oplogKilledAt(crash: { point: CrashPoint; occurrence: number }, store: string, ...args: string[]): Promise<void> {
  const env = { ...process.env, CHAOS_STORE: store, CHAOS_CRASH_POINT: JSON.stringify(crash) };
  const { signal, code, stdout, stderr } = await run(["--import", CRASH_POINTS, OPLOG, ...args], env);
  if (signal !== "SIGKILL" || !stderr.includes(`crash point ${crash.point}`))
    throw new Error(`oplog ${args[0]} did not die at ${JSON.stringify(crash)} but ended with ${code ?? signal}\n${stdout}\n${stderr}`);
}

async function run(args: string[], env: NodeJS.ProcessEnv) {
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"], env });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text) => (stderr += text));
  const [code, signal]: [number | null, NodeJS.Signals | null] = (await once(child, "close")) as never;
  return { code, signal, stdout, stderr };
}
