import { fileURLToPath } from "node:url";
import { OplogError } from "../errors.js";
import { type Keyring, keysFromEnvironment } from "../keyring.js";
import { redactUri } from "../redact.js";
import type { StoreLocation } from "../store.js";
import { resolveUri } from "../uri.js";
import { fileStoreLocation } from "./file-store.js";
import { mongodbStoreLocation } from "./mongodb-location.js";
import { s3StoreLocation } from "./s3-store.js";
import { locationWithKeys } from "./with-keys.js";

const OPENERS: Record<string, (uri: string) => StoreLocation | Promise<StoreLocation>> = {
  mongodb: mongodbStoreLocation,
  "mongodb+srv": mongodbStoreLocation,
  file: openFileStore,
  s3: s3StoreLocation,
};

export interface OpenStoreOptions {
  /** What its logs are encrypted with. @default those of OPLOG_STORE_KEY_FILE or OPLOG_STORE_KEY, if set */
  keys?: Keyring | undefined;
}

/**
 * Opens the place behind a store's URI: `mongodb://…`, `mongodb+srv://…`, `file:///…` or `s3://…`, or a reference to one (`env:NAME`, `file-ref:PATH`).
 *
 * ```ts
 * const location = await openStore("file:///var/lib/oplog");
 * const store = await location.log("orders");
 * for await (const { number } of store.headers({ reverse: true })) …
 * ```
 */
export async function openStore(uri: string, { keys = keysFromEnvironment() }: OpenStoreOptions = {}): Promise<StoreLocation> {
  const resolved = resolveUri(uri);
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(resolved)?.[1]?.toLowerCase();
  const opener = scheme !== undefined && Object.hasOwn(OPENERS, scheme) ? OPENERS[scheme] : undefined;
  if (!opener)
    // What stands before the colon of something that is no URI may be a user name: only a scheme's form is repeated.
    throw new OplogError(
      "BAD_INPUT",
      resolved.includes("://")
        ? `A store can't be opened with a URI of the scheme ${JSON.stringify(scheme ?? "")}`
        : "The store's URI has no scheme that is known",
      {
        hint: `Known are ${Object.keys(OPENERS)
          .map((known) => `${known}:`)
          .join(", ")}, and env:NAME or file-ref:PATH for a URI kept elsewhere.`,
      },
    );
  const location = await opener(resolved);
  return keys ? locationWithKeys(location, keys) : location;
}

function openFileStore(uri: string): StoreLocation {
  const bad = (what: string, cause?: unknown) =>
    new OplogError("BAD_INPUT", `The store's URI ${JSON.stringify(redactUri(uri))} ${what}`, {
      cause,
      hint: "Write an absolute path after file:// as in file:///var/lib/oplog.",
    });
  if (/[?#]/.test(uri)) throw bad("has parameters, which a file: URI does not take");
  // A URL parser would make an absolute path of a relative one.
  if (!/^file:(\/\/(localhost)?)?\/[^/]/i.test(uri)) throw bad("names no absolute path");
  try {
    return fileStoreLocation(fileURLToPath(uri));
  } catch (error) {
    throw bad("names no usable path", error);
  }
}
