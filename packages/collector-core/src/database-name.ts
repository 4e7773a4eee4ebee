import { OplogError } from "./errors.js";

/** The server's rule for the names of databases that hold users' data; `admin`, `local` and `config` are its own. */
export const isDatabaseName = (name: string): boolean =>
  /^[^/\\. "$*<>:|?\0]{1,63}$/.test(name) && !["admin", "local", "config"].includes(name);

/** The one database that is to be captured. */
export function checkCapturedDatabase(name: string): string {
  if (!isDatabaseName(name))
    throw new OplogError("BAD_INPUT", `${JSON.stringify(name.slice(0, 100))} can't be the database that is captured`, {
      hint: "Name one database with users' data, or leave it out to capture the whole deployment.",
    });
  return name;
}
