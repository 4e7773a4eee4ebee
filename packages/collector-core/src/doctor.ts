import { type DoctorCheck, failed } from "./doctor/check.js";
import { checkSource } from "./doctor/source-checks.js";
import { checkStore } from "./doctor/store-checks.js";
import { makeClient } from "./mongo-client.js";
import { refusal } from "./refusal.js";
import type { CaptureMode } from "./source/choose-capture.js";
import { resolveUri } from "./uri.js";

export type { DoctorCheck };

export interface DoctorOptions {
  /** The source's URI, or a reference to it. */
  source: string;
  /** The one database that is to be captured. @default null: the whole deployment */
  database?: string | null;
  /** How it is to be captured. @default auto */
  capture?: CaptureMode;
  /** The store's URI, or a reference to it. @default none: only the source is looked at */
  store?: string;
}

/**
 * Tries, on the real source and the real store, everything that a collector will need, and yields what it found, one check after another. Changes
 * nothing in the source; in the store it writes a log of its own and removes it. Throws `BAD_INPUT` for URIs that can't be used.
 */
export async function* examine({ source, database = null, capture = "auto", store }: DoctorOptions): AsyncGenerator<DoctorCheck> {
  const uri = resolveUri(source);
  const client = makeClient(uri, "source");
  try {
    let reachable = true;
    try {
      await client.connect();
    } catch (error) {
      reachable = false;
      yield failed("source answers", refusal("source", error));
    }
    if (reachable) yield* checkSource(client, uri, { database, capture });
    if (store !== undefined) yield* checkStore(store, reachable ? { client, database } : null);
  } finally {
    await client.close();
  }
}
