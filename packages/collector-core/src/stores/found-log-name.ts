import { parseLogName } from "../log-name.js";

/** Whether something found in a store is named as a log is: anything else there is not ours. */
export function isLogName(name: string): boolean {
  try {
    return !!parseLogName(name);
  } catch {
    return false;
  }
}

/** Whether the log's own folder can hold a name with that beginning: its own, or that of one of its base snapshots. */
export const mayHold = (log: string, prefix: string): boolean => log.startsWith(prefix) || prefix.startsWith(`${log}@`);
