import { type ChildProcess, fork } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type PrintedStatus, redact } from "@oplog-collector/collector-core";
import { childEnvironment } from "./child-environment.js";
import type { RunEnd, Runner, RunningCollector, RunSpec } from "./runner.js";

/** What passes between us and the child. Each message carries the nonce: a pid may be another process by now. */
export type ToChild = { kind: "run"; nonce: string; spec: RunSpec } | { kind: "stop"; nonce: string };
export type FromChild = { kind: "report" | "ended"; nonce: string; status: PrintedStatus };

/** The child's program: built beside this file. */
const CHILD = fileURLToPath(new URL("./collector-child.js", import.meta.url));
/** When this file runs as source (in tests), the built one. */
const BUILT_CHILD = fileURLToPath(new URL("../dist/collector-child.js", import.meta.url));

/** How a child is kept small: twenty of them share a machine with the server. Segments are outside of this heap. */
const CHILD_HEAP_MB = 96;

/** The end of what a child wrote before it died says why. */
const LAST_WORDS = 400;

/** One child process a collector: a crash or a leak stays its own. The spec goes through the pipe, so no secret is in the process list. */
export const processRunner = (): Runner => ({
  start(spec, onReport): RunningCollector {
    const nonce = randomUUID();
    const child = fork(existsSync(CHILD) ? CHILD : BUILT_CHILD, [spec.name], {
      // References in the URIs are resolved by the child.
      env: childEnvironment(spec),
      execArgv: [`--max-old-space-size=${CHILD_HEAP_MB}`],
      stdio: ["ignore", "ignore", "pipe", "ipc"],
      // Ctrl-C at the terminal reaches us alone, and we stop it in order.
      detached: true,
    });
    let last: PrintedStatus | undefined;
    let lastWords = "";
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      lastWords = (lastWords + text).slice(-4 * LAST_WORDS);
    });
    child.on("message", (message: FromChild) => {
      if (message.nonce !== nonce) return;
      if (message.kind === "ended") last = message.status;
      onReport(message.status);
    });
    const send = (message: ToChild) => child.connected && child.send(message, () => {}); // a child that is gone tells by its exit
    send({ kind: "run", nonce, spec });
    return {
      pid: child.pid ?? null,
      ended: endOf(
        child,
        () => last,
        () => lastWords,
      ),
      stop: () => void send({ kind: "stop", nonce }),
      kill: () => void child.kill("SIGKILL"),
    };
  },
});

function endOf(child: ChildProcess, lastStatus: () => PrintedStatus | undefined, lastWords: () => string): Promise<RunEnd> {
  const crashed = (message: string): RunEnd => ({ kind: "crashed", error: { code: "CRASHED", message } });
  return new Promise((resolve) => {
    child.once("error", (error) => resolve(crashed(`The collector's process could not be started: ${error.message}`)));
    child.once("close", (code, signal) => {
      const status = lastStatus();
      const why = lastWords().trim().slice(-LAST_WORDS);
      const said = why && `: ${redact(why)}`;
      resolve(status ? { kind: "ended", status } : crashed(`The collector's process ended with ${signal ?? `exit code ${code}`}${said}`));
    });
  });
}
