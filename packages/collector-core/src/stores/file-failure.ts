import { OplogError } from "../errors.js";
import { errorCode } from "./durable-file.js";

/** What can be done about an error of the file system. */
const HINTS: Record<string, string> = {
  ENOSPC: "Free some space, or shorten the retention; the collector goes on by itself once it can write.",
  EDQUOT: "Raise the quota or free some space; the collector goes on by itself once it can write.",
  EACCES: "Give the user that runs this process the right to read and write the directory.",
  EPERM: "Give the user that runs this process the right to read and write the directory; the file system must allow hard links.",
  ENOTSUP: "Use a file system that allows hard links.",
  EROFS: "Mount the file system for writing.",
  EIO: "Look at the disk: the operating system could not read or write it.",
  EMFILE: "Raise the limit of open files of this process.",
};

/** What the file store throws for an error of the file system; the original is its cause. */
export function fileFailure(error: unknown, what: string): unknown {
  const code = errorCode(error);
  if (error instanceof OplogError || code === undefined) return error;
  return new OplogError("STORE_FAILED", `${what} (${code})`, {
    cause: error,
    hint: HINTS[code] ?? "See the cause for what the file system answered.",
  });
}
