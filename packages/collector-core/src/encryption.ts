import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { OplogError } from "./errors.js";
import type { Keyring } from "./keyring.js";

/** How a segment's payload is encrypted, after it was compressed, as its header says. */
export interface Encryption {
  algorithm: "AES-256-GCM";
  /** Which key: what `Keyring` finds it by. */
  keyId: string;
  /** Random, one a segment: with 12 bytes one key may seal some 2^32 segments. */
  nonce: Buffer;
}

const CIPHER = "aes-256-gcm";
const NONCE_BYTES = 12;
/** At the end of the payload: proves it and the header, which is sealed with it though it can be read. */
const TAG_BYTES = 16;

export const encryptionBy = (keys: Keyring): Encryption => ({
  algorithm: "AES-256-GCM",
  keyId: keys.newest.id,
  nonce: randomBytes(NONCE_BYTES),
});

export function encrypt(payload: Buffer, header: Buffer, { nonce }: Encryption, keys: Keyring): Buffer {
  const cipher = createCipheriv(CIPHER, keys.newest.bytes, nonce).setAAD(header);
  return Buffer.concat([cipher.update(payload), cipher.final(), cipher.getAuthTag()]);
}

/** Throws `FORBIDDEN` without the key, and whatever the cipher does when payload or header are not what was sealed with it. */
export function decrypt(payload: Buffer, header: Buffer, { keyId, nonce }: Encryption, number: number, keys: Keyring | undefined): Buffer {
  const key = keys?.find(keyId);
  if (!key) throw missingKey(`Segment ${number} is encrypted with the key ${keyId}`, keys);
  const end = payload.length - TAG_BYTES;
  const decipher = createDecipheriv(CIPHER, key, nonce).setAAD(header).setAuthTag(payload.subarray(end));
  return Buffer.concat([decipher.update(payload.subarray(0, end)), decipher.final()]);
}

export const missingKey = (what: string, keys: Keyring | undefined): OplogError =>
  new OplogError("FORBIDDEN", `${what}, and ${keys ? `the keys given are others (${keys.ids.join(", ")})` : "no key is given"}`, {
    hint: "Name the file with the keys in OPLOG_STORE_KEY_FILE, or give the key in OPLOG_STORE_KEY.",
  });
