import { EXIT } from "./exit-code.js";
import { stdoutClosed } from "./print.js";

/** What ends a foreground collector in order: the first signal, the terminal or the parent going away, or nobody reading its output any more. */
export function stopSignal(): { signal: AbortSignal; release(): void } {
  const stop = new AbortController();
  const onSignal = () => {
    // The second one is for whoever can't wait: what is not stored yet is read again at the next start.
    if (stop.signal.aborted) process.exit(EXIT.interrupted);
    stop.abort();
  };
  const onEnd = () => stop.abort();
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  for (const name of signals) process.on(name, onSignal);
  process.on("disconnect", onEnd); // only when started with an IPC channel
  stdoutClosed.addEventListener("abort", onEnd);
  return {
    signal: stop.signal,
    release() {
      for (const name of signals) process.off(name, onSignal);
      process.off("disconnect", onEnd);
      stdoutClosed.removeEventListener("abort", onEnd);
    },
  };
}
