import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { OplogError } from "./errors.js";

const KEY_BYTES = 32;

/** As much of a key's hash as tells keys apart, and nothing about them. */
const ID_CHARACTERS = 16;

/** Keys of 256 bits: the first one encrypts, any of them decrypts. To rotate, a new one is put before the others. */
export interface Keyring {
  readonly newest: { id: string; bytes: Buffer };
  readonly ids: string[];
  find(id: string): Buffer | undefined;
}

export function keyring(keys: readonly Buffer[]): Keyring {
  const [first] = keys;
  if (!first || keys.some((key) => key.length !== KEY_BYTES))
    throw new RangeError(`A keyring holds keys of ${KEY_BYTES} bytes, one at least`);
  const byId = new Map(keys.map((key) => [idOf(key), key]));
  return { newest: { id: idOf(first), bytes: first }, ids: [...byId.keys()], find: (id) => byId.get(id) };
}

const idOf = (key: Buffer): string =>
  createHash("sha256").update("oplog-collector segment key").update(key).digest("hex").slice(0, ID_CHARACTERS);

/**
 * The keys that this process was given: in the file that OPLOG_STORE_KEY_FILE names, one a line, or in OPLOG_STORE_KEY, with commas between
 * them. Undefined without either; throws `BAD_INPUT`, in which no key ever appears.
 */
export function keysFromEnvironment(environment: NodeJS.ProcessEnv = process.env): Keyring | undefined {
  const { OPLOG_STORE_KEY_FILE: file, OPLOG_STORE_KEY: given } = environment;
  if (file && given) throw badKeys("Both OPLOG_STORE_KEY_FILE and OPLOG_STORE_KEY are set");
  if (file) return parseKeys(readKeyFile(file), `The file ${JSON.stringify(file)}`);
  return given === undefined ? undefined : parseKeys(given, "OPLOG_STORE_KEY");
}

function readKeyFile(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw badKeys(`The file ${JSON.stringify(path)}, which OPLOG_STORE_KEY_FILE names, can't be read`, error);
  }
}

function parseKeys(text: string, where: string): Keyring {
  const lines = text.split(/[\n,]/).map((line) => line.trim());
  const keys = lines.filter((line) => line && !line.startsWith("#")).map(parseKey);
  if (keys.length === 0) throw badKeys(`${where} holds no key`);
  const bad = keys.indexOf(undefined);
  if (bad >= 0) throw badKeys(`${where} holds something that is no key of 256 bits, in place ${bad + 1}`);
  return keyring(keys as Buffer[]);
}

/** Hex or base64: a key of the one form never has the length of the other. */
function parseKey(text: string): Buffer | undefined {
  if (/^[0-9a-f]{64}$/i.test(text)) return Buffer.from(text, "hex");
  return /^[A-Za-z0-9+/_-]{43}=?$/.test(text) ? Buffer.from(text, "base64") : undefined;
}

const badKeys = (what: string, cause?: unknown) =>
  new OplogError("BAD_INPUT", what, {
    cause,
    hint: "A key is 32 random bytes in base64 or hex: openssl rand -base64 32. One a line; the first one encrypts.",
  });
