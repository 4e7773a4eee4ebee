import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import {
  backoffMs,
  DEFAULT_RETRY,
  initialForwardStatus,
  KafkaTarget,
  type PrintedForwardStatus,
  printForwardStatus,
  resolveUri,
  systemClock,
} from "@oplog-collector/collector-core";

/** A forwarder that was told to stop and is still busy: what it has not published is published at the next start. */
const STOP_TIMEOUT_MS = 5_000;

export interface ForwardProcessesOptions {
  store: string;
  name: string;
  /** Where to, as URIs or references to them. */
  forward: readonly string[];
}

/**
 * What publishes a collector's log elsewhere, each in a process of its own (`oplog forward`): whatever becomes of one, capture goes on, and at its
 * speed. One that ends by itself is started again, unless it says that this can't help.
 */
export class ForwardProcesses implements AsyncDisposable {
  private readonly statuses: PrintedForwardStatus[];
  private readonly ended = new AbortController();
  private readonly children = new Set<ChildProcess>();
  private runs: Promise<void>[] = [];

  /** Throws `BAD_INPUT` for a URI that can't be used. `onChange` is told of each new status. */
  constructor(
    private readonly options: ForwardProcessesOptions,
    private readonly onChange: (statuses: PrintedForwardStatus[]) => void,
  ) {
    this.statuses = options.forward.map((uri) => {
      const { description } = new KafkaTarget({ uri, log: options.name });
      return printForwardStatus(initialForwardStatus(description));
    });
  }

  /** Starts them, once. */
  start(): void {
    if (this.runs.length > 0 || this.ended.signal.aborted) return;
    this.runs = this.options.forward.map((uri, index) => this.keepRunning(uri, index));
  }

  /** Publishes what is not published yet of what the log covers, and ends them. */
  async publishRest(signal: AbortSignal): Promise<void> {
    await this.stop();
    const stop = () => this.endChildren();
    signal.addEventListener("abort", stop, { once: true });
    if (!signal.aborted) await Promise.all(this.options.forward.map((uri, index) => this.run(uri, index, ["--until-covered"])));
    signal.removeEventListener("abort", stop);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  private async stop(): Promise<void> {
    this.ended.abort();
    this.endChildren();
    await Promise.all(this.runs);
  }

  private endChildren(): void {
    for (const child of this.children) {
      child.kill("SIGTERM");
      setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS).unref();
    }
  }

  private async keepRunning(uri: string, index: number): Promise<void> {
    const { signal } = this.ended;
    for (let attempt = 1; !signal.aborted; attempt++) {
      const end = await this.run(uri, index, []);
      if (signal.aborted || this.statuses[index]!.state === "error") return;
      const error = { code: "ENDED", message: `The forwarder ended unexpectedly (${end}); it is started again`, attempt };
      this.show(index, { ...this.statuses[index]!, state: "retrying_connection", error });
      await systemClock.sleep(backoffMs(DEFAULT_RETRY, attempt, Math.random()), signal);
    }
  }

  /** Runs one to its end: the exit code, or the signal that ended it. */
  private async run(uri: string, index: number, args: readonly string[]): Promise<number | NodeJS.Signals> {
    const { store, name } = this.options;
    const command = ["forward", "--json", "--store", "env:OPLOG_FORWARD_STORE", "--name", name, "--to", "env:OPLOG_FORWARD_TO", ...args];
    const child = spawn(process.execPath, [...process.execArgv, process.argv[1]!, ...command], {
      // The channel tells it that we are gone, however that came about.
      stdio: ["ignore", "pipe", "inherit", "ipc"],
      env: { ...process.env, OPLOG_FORWARD_STORE: resolveUri(store), OPLOG_FORWARD_TO: resolveUri(uri) },
    });
    this.children.add(child);
    createInterface(child.stdout!).on("line", (line) => this.show(index, JSON.parse(line)));
    const [code, signal] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
    this.children.delete(child);
    return code ?? signal!;
  }

  private show(index: number, status: PrintedForwardStatus): void {
    this.statuses[index] = status;
    this.onChange([...this.statuses]);
  }
}
