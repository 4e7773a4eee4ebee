import { type CollectorConnections, runCollector } from "./run-collector.js";
import type { Runner, RunningCollector } from "./runner.js";

/**
 * Collectors in our own process: for embedding, and for hundreds of small clusters. A defect in one can end all of them, and one that hangs can't be
 * ended by force.
 */
export const inProcessRunner = (connections: CollectorConnections): Runner => ({
  start(spec, onReport): RunningCollector {
    const stop = new AbortController();
    // Not before the caller has us in hand: the first report comes at once.
    const ended = Promise.resolve()
      .then(() => runCollector(spec, stop.signal, onReport, connections))
      .then((status) => ({ kind: "ended" as const, status }));
    // What it had in memory is stored first, or read again at the next start.
    return { pid: process.pid, ended, stop: () => stop.abort(), kill: () => stop.abort() };
  },
});
