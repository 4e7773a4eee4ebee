import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { PrintedStatus } from "@oplog-collector/collector-core";
import { waitFor } from "../../../scripts/wait-for.mjs";

const OPLOG = fileURLToPath(new URL("../bin/oplog.js", import.meta.url));

/** The built program as a user starts it: for tests. */
export class SpawnedOplog implements AsyncDisposable {
  stdout = "";
  stderr = "";
  readonly child: ChildProcess;
  /** The exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>;

  constructor(args: readonly string[], env: Record<string, string> = {}) {
    this.child = spawn(process.execPath, [OPLOG, ...args], { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...env } });
    this.child.stdout!.on("data", (chunk) => {
      this.stdout += chunk;
    });
    this.child.stderr!.on("data", (chunk) => {
      this.stderr += chunk;
    });
    this.ended = new Promise((resolve) => this.child.once("close", (code, signal) => resolve(code ?? signal!)));
  }

  /** The lines of `collect --json` so far. */
  get statuses(): PrintedStatus[] {
    return this.stdout
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line));
  }

  /** Waits for a status of which `is` holds. */
  async status(what: string, is: (status: PrintedStatus) => boolean): Promise<PrintedStatus> {
    return waitFor(what, () => {
      const found = this.statuses.find(is);
      if (!found && this.child.exitCode !== null) throw new Error(`oplog ended with ${this.child.exitCode}: ${this.stderr}`);
      return found;
    });
  }

  running = (): Promise<PrintedStatus> => this.status("state running", ({ state }) => state === "running");

  async signal(name: NodeJS.Signals): Promise<number | NodeJS.Signals> {
    this.child.kill(name);
    return this.ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.signal("SIGKILL");
  }
}

export interface OplogRun {
  code: number | NodeJS.Signals;
  stdout: string;
  stderr: string;
}

/** Runs it to its end. */
export async function runOplog(args: readonly string[], env: Record<string, string> = {}): Promise<OplogRun> {
  await using oplog = new SpawnedOplog(args, env);
  const code = await oplog.ended;
  return { code, stdout: oplog.stdout, stderr: oplog.stderr };
}
