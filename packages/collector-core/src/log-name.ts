import { OplogError } from "./errors.js";

/** A name becomes part of collection, file and object names; a collection's full name has at most 255 bytes, with room for the database and our prefixes. */
export const MAX_NAME_LENGTH = 120;

const NAME = /^[A-Za-z0-9][A-Za-z0-9_-]*$/;

/** Names of base snapshots: `<log>@<id>`. */
const SNAPSHOT_NAME = /^([A-Za-z0-9][A-Za-z0-9_-]*)@([A-Za-z0-9_-]+)$/;

export function checkLogName(name: string): string {
  if (!NAME.test(name) || name.length > MAX_NAME_LENGTH)
    throw new OplogError("BAD_INPUT", `The name ${JSON.stringify(name.slice(0, 200))} can't be used for a log`, {
      hint: `Use 1 to ${MAX_NAME_LENGTH} letters, digits, "-" or "_", beginning with a letter or a digit.`,
    });
  return name;
}

/** The log that holds one base snapshot of a log. */
export const snapshotLogName = (log: string, id: string): string => `${log}@${id}`;

/** Splits a stored log's name; `snapshot` is undefined for the log of a cluster. Throws on anything else. */
export function parseLogName(name: string): { log: string; snapshot?: string } {
  const match = SNAPSHOT_NAME.exec(name);
  return match ? { log: checkLogName(match[1]!), snapshot: match[2]! } : { log: checkLogName(name) };
}
