import { spawn } from "node:child_process";
import process, { kill } from "node:process";
import { guardProcess, releaseProcess } from "./orphan-guard.mjs";

/** @type {Set<GuardedChild>} ended at once when this process exits; the guard does the same when it is killed */
const running = new Set();
process.on("exit", () => {
  for (const child of running) child.signal("SIGKILL");
});

/** A child process that does not outlive this one. */
export class GuardedChild {
  #child;
  /** What it wrote to stdout and stderr: little, for a mongod that has a log file. */
  output = "";
  /** Why it could not be run at all. @type {Error | undefined} */
  failure;

  /** @param {string} command @param {readonly string[]} args */
  constructor(command, args) {
    // Detached: a Ctrl-C at the terminal is for the parent, which may still need its children.
    this.#child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"], detached: true });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream.on("data", (chunk) => {
        this.output += chunk;
      });
    }
    running.add(this);
    if (this.pid !== undefined) guardProcess(this.pid);
    /** @type {Promise<void>} */
    this.ended = new Promise((resolve) => {
      const ended = () => {
        if (running.delete(this) && this.pid !== undefined) releaseProcess(this.pid);
        resolve();
      };
      this.#child.once("close", ended); // follows `exit` once its last words have been read
      this.#child.once("error", (error) => {
        this.failure = error;
        ended();
      });
    });
  }

  get pid() {
    return this.#child.pid;
  }

  get running() {
    return running.has(this);
  }

  get exitCode() {
    return this.#child.exitCode;
  }

  get signalCode() {
    return this.#child.signalCode;
  }

  /** @param {NodeJS.Signals} name */
  signal(name) {
    // Not after its end, when the id may be another's.
    if (this.pid === undefined || this.exitCode !== null || this.signalCode !== null) return;
    try {
      kill(this.pid, name);
    } catch (error) {
      if (/** @type {NodeJS.ErrnoException} */ (error).code !== "ESRCH") throw error; // it ends just now
    }
  }
}
