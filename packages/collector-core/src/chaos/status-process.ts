import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { guardProcess, releaseProcess } from "../../../../scripts/orphan-guard.mjs";
import { waitFor } from "../../../../scripts/wait-for.mjs";
import type { StatusError } from "../status.js";

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

interface ToldStatus {
  state: string;
  events: number;
  error: StatusError | null;
}

/** A process that tells its status as JSON lines, as a user runs it: `oplog collect --json` and `oplog forward --json`. */
export class StatusProcess<Status extends ToldStatus> implements AsyncDisposable {
  /** The newest status line. */
  status: Status | null = null;
  /** Every state it was in, with the message of its error, each once in a row. */
  readonly states: string[] = [];
  /** The last that it wrote to stderr. */
  stderr = "";
  exit: Exit | null = null;
  readonly ended: Promise<Exit>;

  protected constructor(private readonly child: ChildProcess) {
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

  get pid(): number {
    return this.child.pid!;
  }

  /** Waits for a status; fails at once, with what it said, when the process ends instead. */
  async until(what: string, condition: (status: Status) => boolean, timeoutMs = 60_000): Promise<void> {
    const met = () => this.status !== null && condition(this.status);
    await waitFor(`the process: ${what}`, () => met() || this.exit, { timeoutMs, everyMs: 20 }).catch((error) => {
      throw new Error(`${error.message}; its status is ${JSON.stringify(this.status)}\n${this.stderr.slice(-3_000)}`);
    });
    if (!met()) throw new Error(`The process ended (${JSON.stringify(this.exit)}) before: ${what}\n${this.stderr.slice(-3_000)}`);
  }

  running(): Promise<void> {
    return this.until("is running", ({ state }) => state === "running");
  }

  /** Waits until it runs, and has done something that it had not when this was called. */
  async goesOn(timeoutMs = 90_000): Promise<void> {
    const before = this.status?.events ?? 0;
    await this.until("runs and handles events", ({ state, events }) => state === "running" && events > before, timeoutMs);
  }

  signal(name: NodeJS.Signals): void {
    this.child.kill(name);
  }

  kill(): Promise<Exit> {
    this.signal("SIGKILL");
    return this.ended;
  }

  /** As an operator stops it: it finishes what it has in hand, and exits with 0. */
  async stop(): Promise<void> {
    this.signal("SIGTERM");
    const { code, signal } = await this.ended;
    if (code !== 0) throw new Error(`The process was stopped and ended with ${code ?? signal}\n${this.stderr.slice(-3_000)}`);
  }

  /** Frozen with its connections open, as a machine that was suspended. */
  async pause(): Promise<void> {
    this.signal("SIGSTOP");
    await waitFor("the process to be paused", async () => /\) T /.test(await readFile(`/proc/${this.pid}/stat`, "utf8")), { everyMs: 2 });
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
    const status = JSON.parse(line) as Status;
    this.status = status;
    const state = status.error ? `${status.state}: ${status.error.message}` : status.state;
    if (this.states.at(-1) !== state) this.states.push(state);
  }
}
