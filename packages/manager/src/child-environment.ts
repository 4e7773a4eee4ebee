import { resolveUri } from "@oplog-collector/collector-core";
import type { RunSpec } from "./runner.js";

/** What Node and the network need. */
const PLAIN = ["PATH", "HOME", "TZ", "TMPDIR", "NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "SSL_CERT_DIR"];

/** What each log is encrypted with: a collector without them would write in the clear beside base snapshots that are encrypted. */
const STORE_KEYS = ["OPLOG_STORE_KEY", "OPLOG_STORE_KEY_FILE"];

/** Where AWS's own variables say who we are: object storage, and a MongoDB login by AWS's identities. */
const ASKS_AWS = /^s3:|[?&]authMechanism=MONGODB-AWS(&|$)/i;

/**
 * The environment of a collector's process: not ours, which may hold keys that it has no business with, but what it needs, the variables that
 * the references in its URIs name, and AWS's when one of the two asks AWS.
 */
export function childEnvironment(
  { connectionString, storeUri }: Pick<RunSpec, "connectionString" | "storeUri">,
  environment: NodeJS.ProcessEnv = process.env,
): NodeJS.ProcessEnv {
  const references = [connectionString, storeUri];
  const named = references.flatMap((uri) => /^env:(.+)$/s.exec(uri.trim())?.[1] ?? []);
  const aws = references.some(asksAws) ? Object.keys(environment).filter((name) => name.startsWith("AWS_")) : [];
  const given = [...PLAIN, ...STORE_KEYS, ...named, ...aws].flatMap((name) => {
    const value = environment[name];
    return value === undefined ? [] : [[name, value]];
  });
  return Object.fromEntries(given);
}

function asksAws(reference: string): boolean {
  try {
    return ASKS_AWS.test(resolveUri(reference));
  } catch {
    return false; // what it refers to is missing: the child says so
  }
}
