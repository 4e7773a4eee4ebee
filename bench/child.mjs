/** Runs a measured part in a process of its own, so that its memory and CPU time are its own. */
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";

/** A part that takes longer hangs. */
const PATIENCE_MS = 30 * 60_000;

/**
 * @template T
 * @param {string} script beside this file
 * @param {Record<string, unknown>} task what it is told: JSON
 * @param {{ onMessage?: (message: unknown) => void, onStarted?: (child: import('node:child_process').ChildProcess) => void, execArgv?: string[] }} [options]
 * @returns {Promise<T>} the last message it sends, marked as `result`
 */
export function runChild(script, task, { onMessage = () => {}, onStarted = () => {}, execArgv = [] } = {}) {
  return new Promise((resolve, reject) => {
    const child = fork(fileURLToPath(new URL(script, import.meta.url)), { stdio: ["ignore", "inherit", "inherit", "ipc"], execArgv });
    const patience = setTimeout(() => child.kill("SIGKILL"), PATIENCE_MS);
    /** @type {T | undefined} */
    let result;
    child.on("message", (/** @type {any} */ message) => {
      if (message?.result) result = message.result;
      else onMessage(message);
    });
    child.on("error", reject);
    child.on("exit", (code, signal) => {
      clearTimeout(patience);
      if (code === 0 && result !== undefined) resolve(result);
      else reject(new Error(`${script} ended with ${signal ?? `code ${code}`}${result === undefined ? " and no result" : ""}`));
    });
    child.send(task);
    onStarted(child);
  });
}

/**
 * In the child: does the task, sends the result and ends.
 * @template T @param {(task: any) => Promise<T>} work
 */
export function onTask(work) {
  process.once("message", async (task) => {
    const result = await work(task);
    process.send?.({ result }, () => process.disconnect());
  });
}
