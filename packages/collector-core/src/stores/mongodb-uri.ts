import { isDatabaseName } from "../database-name.js";
import { OplogError } from "../errors.js";
import { redact } from "../redact.js";

/** Where logs go when the URI names no database. */
export const DEFAULT_STORE_DATABASE = "oplog_store";

/** How a log lies in its collections: a document a segment, or a document an event. */
const LAYOUTS = ["segments", "entries"] as const;
export type Layout = (typeof LAYOUTS)[number];

/** Credentials may hold odd characters (the driver then says what is wrong); the first "/" or "?" after the hosts begins the rest. */
const MONGODB_URI = /^(mongodb(?:\+srv)?:\/\/(?:[^@]*@)?[^/?@]*)(?:\/([^?]*))?(?:\?(.*))?$/is;

export interface MongodbStoreUri {
  /** For the driver: without the parameters that are ours. */
  uri: string;
  database: string;
  layout: Layout;
  /** The names of the parameters that the driver gets, in lower case. */
  parameters: Set<string>;
}

export function parseMongodbStoreUri(given: string): MongodbStoreUri {
  const match = MONGODB_URI.exec(given.trim());
  if (!match) throw badUri("it has not the form mongodb://[user:password@]host[:port][,…]/[database][?options]");
  const [, hosts, path, query] = match;
  const parameters = (query ?? "").split("&").filter(Boolean);
  const nameOf = (parameter: string) => parameter.split("=", 1)[0]!.toLowerCase();
  const layouts = parameters.filter((parameter) => nameOf(parameter) === "layout").map((given) => layoutOf(given.slice("layout=".length)));
  const forDriver = parameters.filter((parameter) => nameOf(parameter) !== "layout");
  return {
    uri: `${hosts}/${path ?? ""}${forDriver.length > 0 ? `?${forDriver.join("&")}` : ""}`,
    database: databaseOf(path),
    layout: layouts.at(-1) ?? "segments",
    parameters: new Set(forDriver.map(nameOf)),
  };
}

function layoutOf(given: string): Layout {
  const layout = LAYOUTS.find((known) => known === given);
  if (layout) return layout;
  throw new OplogError("BAD_INPUT", `A MongoDB store has no layout ${JSON.stringify(given.slice(0, 40))}`, {
    hint: `Leave "layout" out, or use one of: ${LAYOUTS.join(", ")}.`,
  });
}

function databaseOf(path: string | undefined): string {
  if (!path) return DEFAULT_STORE_DATABASE;
  let name: string;
  try {
    name = decodeURIComponent(path);
  } catch {
    name = "";
  }
  if (!isDatabaseName(name))
    throw new OplogError("BAD_INPUT", "The store's URI names a database that can't hold logs", {
      hint: `Put the database for the logs after the hosts ("/${DEFAULT_STORE_DATABASE}"), and the one for the login in the option authSource.`,
    });
  return name;
}

/** `reason` is printed only if no piece of the credentials is in it. */
export function badUri(reason: string, uri = "", whose = "store"): OplogError {
  const credentials = uri.slice(uri.indexOf("://") + 3, Math.max(uri.lastIndexOf("@"), 0));
  const leaks = credentials.split(/[:@/?&=%]/).some((piece) => piece && reason.includes(piece));
  return new OplogError("BAD_INPUT", `The ${whose}'s MongoDB URI can't be used${leaks ? "" : `: ${redact(reason)}`}`, {
    hint: 'In a user name or password, percent-encode the characters : / ? # [ ] @ and % ("@" is "%40").',
  });
}
