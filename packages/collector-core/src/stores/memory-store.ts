import { parseLogName } from "../log-name.js";
import type { SealedSegment } from "../segment.js";
import type { Checkpoint, Store, StoreLocation } from "../store.js";
import { isHeldByAnother, writerOf } from "./stored-checkpoint.js";

interface MemoryLog {
  segments: Map<number, SealedSegment>;
  checkpoint: Checkpoint | null;
}

/** Logs in this process's memory, for tests and simulations: no clock, no chance, and buffers are kept as given. */
export function memoryStoreLocation(): StoreLocation {
  const logs = new Map<string, MemoryLog>();
  return {
    async log(name) {
      parseLogName(name);
      const log: MemoryLog = logs.get(name) ?? { segments: new Map(), checkpoint: null };
      logs.set(name, log);
      return memoryStore(log);
    },
    names: async (prefix = "") =>
      [...logs].flatMap(([name, log]) => (log.segments.size > 0 && name.startsWith(prefix) ? [name] : [])).sort(),
    close: async () => {},
  };
}

function memoryStore(log: MemoryLog): Store {
  let lastWriter: string | undefined;
  const numbers = () => [...log.segments.keys()].sort((a, b) => a - b);
  return {
    async append(segment) {
      if (log.segments.has(segment.number)) return "taken";
      log.segments.set(segment.number, segment);
      return "stored";
    },
    async *headers({ after = 0, reverse = false } = {}) {
      const above = numbers().filter((number) => number > after);
      for (const number of reverse ? above.reverse() : above) {
        const segment = log.segments.get(number);
        if (segment)
          yield { number, header: segment.header, hash: segment.hash, storedBytes: segment.header.length + segment.payload.length };
      }
    },
    read: async (number) => log.segments.get(number) ?? null,
    readCheckpoint: async () => log.checkpoint,
    async writeCheckpoint(checkpoint, { takeOver = false } = {}) {
      const writer = writerOf(checkpoint, lastWriter);
      if (!takeOver && isHeldByAnother(log.checkpoint, writer)) return "fenced";
      log.checkpoint = checkpoint;
      lastWriter = writer;
      return "stored";
    },
    async remove(upTo) {
      for (const number of numbers()) if (upTo === undefined || number <= upTo) log.segments.delete(number);
      if (upTo === undefined) log.checkpoint = null;
    },
    close: async () => {},
  };
}
