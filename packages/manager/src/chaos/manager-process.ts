import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { guardProcess, releaseProcess } from "../../../../scripts/orphan-guard.mjs";
import type { ClusterView } from "../cluster-view.js";
import type { RegistrationInput } from "../registration.js";

const PROGRAM = fileURLToPath(new URL("./manager-process.mjs", import.meta.url));

export interface ManagerProcessOptions {
  metadataUri: string;
  /** Several with commas between them, the newest first. */
  key: string;
  logDir: string;
}

interface Answer {
  call: number;
  result?: unknown;
  error?: { code: string; message: string };
}

/** One server: a real process that can be killed. */
export class ManagerProcess {
  private readonly waiting = new Map<number, (answer: Answer) => void>();
  private calls = 0;
  node = "";
  stderr = "";

  private constructor(readonly child: ChildProcess) {
    guardProcess(child.pid!);
    child.on("message", (answer: Answer) => this.waiting.get(answer.call)?.(answer));
    child.stderr!.setEncoding("utf8").on("data", (text) => {
      this.stderr = (this.stderr + text).slice(-10_000);
    });
    child.once("exit", () => {
      releaseProcess(child.pid!);
      for (const answer of this.waiting.values()) answer({ call: 0, error: { code: "GONE", message: "the server is gone" } });
    });
  }

  static async begin(options: ManagerProcessOptions): Promise<ManagerProcess> {
    const server = new ManagerProcess(fork(PROGRAM, [], { stdio: ["ignore", "ignore", "pipe", "ipc"], execArgv: [] }));
    server.node = (await server.call("begin", options)) as string;
    return server;
  }

  get alive(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  list(): Promise<ClusterView[]> {
    return this.call("list") as Promise<ClusterView[]>;
  }

  get(id: string): Promise<ClusterView> {
    return this.call("get", id) as Promise<ClusterView>;
  }

  register(input: RegistrationInput): Promise<ClusterView> {
    return this.call("register", input) as Promise<ClusterView>;
  }

  call(method: string, ...args: unknown[]): Promise<unknown> {
    const call = ++this.calls;
    return new Promise((resolve, reject) => {
      this.waiting.set(call, ({ result, error }) => {
        this.waiting.delete(call);
        if (error) reject(Object.assign(new Error(error.message), { code: error.code }));
        else resolve(result);
      });
      if (this.child.connected) this.child.send({ call, method, args }, () => {});
      else this.waiting.get(call)?.({ call, error: { code: "GONE", message: "the server is gone" } });
    });
  }

  async kill(): Promise<void> {
    if (!this.alive) return;
    this.child.kill("SIGKILL");
    await once(this.child, "exit");
  }

  /** In order; returns how long it took. */
  async end(): Promise<number> {
    const startedAt = performance.now();
    await this.call("end");
    const took = performance.now() - startedAt;
    this.child.disconnect();
    await once(this.child, "exit");
    return took;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}
