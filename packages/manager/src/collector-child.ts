/** The program of a collector's own process: gets its orders through the pipe from its manager, and ends when the manager is gone. */
import type { FromChild, ToChild } from "./process-runner.js";
import { runCollector } from "./run-collector.js";

/** Without a manager it must have ended before the lease runs out and another node begins: at the least 7 s after the last renewal. */
const ORPHAN_SEAL_MS = 5_000;

/** A process that slept for longer than a lease lasts (a suspended machine, SIGSTOP) may have been replaced meanwhile. */
const LONGEST_SLEEP_MS = 8_000;

const LOOK_MS = 1_000;

const stop = new AbortController();
let nonce: string | undefined;

// Nobody would stop or watch it: it seals, stores and ends. The lease then lets another node go on.
process.on("disconnect", () => {
  stop.abort();
  setTimeout(() => process.exit(1), ORPHAN_SEAL_MS).unref();
});
for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => stop.abort());
// A manager that is gone leaves a broken pipe; that must not keep us from sealing.
process.stderr.on("error", () => {});

let lookedAt = performance.now();
setInterval(() => {
  const now = performance.now();
  if (now - lookedAt > LONGEST_SLEEP_MS) process.exit(1);
  lookedAt = now;
}, LOOK_MS).unref();

process.on("message", (message: ToChild) => {
  if (message.kind === "stop" && message.nonce === nonce) return stop.abort();
  if (message.kind !== "run" || nonce !== undefined) return;
  nonce = message.nonce;
  const tell = (kind: FromChild["kind"], status: FromChild["status"], done: () => void = () => {}) =>
    process.connected && process.send?.({ kind, nonce: message.nonce, status } satisfies FromChild, undefined, undefined, done);
  void runCollector(message.spec, stop.signal, (status) => tell("report", status)).then((status) => {
    // After the last word is out, whatever else may still hold the process open.
    if (!tell("ended", status, () => process.exit(0))) process.exit(0);
  });
});
