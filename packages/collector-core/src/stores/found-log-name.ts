import { parseLogName } from "../log-name.js";

/** Whether something found in a store is named as a log is: anything else there is not ours. */
export function isLogName(name: string): boolean {
  try {
    return !!parseLogName(name);
  } catch {
    return false;
  }
}
