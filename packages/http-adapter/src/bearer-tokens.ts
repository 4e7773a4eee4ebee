import { createHash, timingSafeEqual } from "node:crypto";
import { OplogError } from "@oplog-collector/collector-core";
import { type Identity, ROLES, type Role } from "./identity.js";

/** Shorter ones can be guessed. */
const MIN_TOKEN_LENGTH = 16;

interface KnownToken {
  hash: Buffer;
  identity: Identity;
}

const hashOf = (token: string): Buffer => createHash("sha256").update(token).digest();

/**
 * Who has which bearer token. Kept as hashes only, and each is compared in constant time, so that neither memory nor timing gives one away.
 * `text`: entries `name:role:token`, or `name:role:token:cluster|cluster` for some clusters only, separated by commas.
 */
export function readTokens(text: string): (request: Request) => Identity | null {
  const known = text
    .split(",")
    .map((entry) => entry.trim())
    .filter(Boolean)
    .map(readEntry);
  return (request) => {
    const given = /^Bearer +(\S+)$/i.exec(request.headers.get("authorization") ?? "")?.[1];
    if (given === undefined) return null;
    const hash = hashOf(given);
    let found: Identity | null = null;
    // All of them, whichever it is.
    for (const { hash: candidate, identity } of known) if (timingSafeEqual(candidate, hash)) found = identity;
    return found;
  };
}

function readEntry(entry: string, index: number): KnownToken {
  const bad = (what: string) =>
    new OplogError("BAD_INPUT", `Token ${index + 1} ${what}`, {
      hint: "Tokens are given as name:role:token, separated by commas; a role is viewer, operator or admin; `openssl rand -hex 24` makes a token.",
    });
  const [name, role, token, clusters] = entry.split(":");
  if (!name || !role || !token) throw bad("has not the form name:role:token");
  if (!ROLES.includes(role as Role)) throw bad("has an unknown role");
  if (token.length < MIN_TOKEN_LENGTH) throw bad(`is shorter than ${MIN_TOKEN_LENGTH} characters`);
  return { hash: hashOf(token), identity: { name, role: role as Role, ...(clusters && { clusters: clusters.split("|") }) } };
}
