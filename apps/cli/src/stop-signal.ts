import { EXIT } from "./exit-code.js";
import { stdoutClosed } from "./print.js";

/** What ends a foreground collector in order: the first signal, the terminal or the parent going away, or nobody reading its output any more. */
export function stopSignal(): { signal: AbortSignal } & Disposable {
  const stop = new AbortController();
  const end = () => stop.abort();
  const onSignal = () => {
    // The second one is from someone who can't wait: what is not stored yet is read again at the next start.
    if (stop.signal.aborted) process.exit(EXIT.interrupted);
    end();
  };
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  for (const name of signals) process.on(name, onSignal);
  process.on("disconnect", end); // only when started with an IPC channel
  stdoutClosed.addEventListener("abort", end);
  return {
    signal: stop.signal,
    [Symbol.dispose]() {
      for (const name of signals) process.off(name, onSignal);
      process.off("disconnect", end);
      stdoutClosed.removeEventListener("abort", end);
    },
  };
}
