import { createCipheriv, createDecipheriv, createHash, randomBytes } from "node:crypto";
import { chmod, link, mkdir, open, readFile, rename, unlink } from "node:fs/promises";
import { dirname } from "node:path";
import { OplogError } from "@oplog-collector/collector-core";

/** AES-256-GCM: a changed byte is noticed, not decrypted to something else. */
const ALGORITHM = "aes-256-gcm";
const KEY_BYTES = 32;
/** The length for which GCM is defined without further hashing. */
const IV_BYTES = 12;
const TAG_BYTES = 16;

interface Key {
  /** The first bytes of the key's hash: says which key a text was encrypted with, and nothing about the key. */
  id: string;
  bytes: Buffer;
}

/** Encrypts connection strings at rest. The first key encrypts, all decrypt: that is how a key is rotated. */
export class SecretBox {
  private constructor(private readonly keys: readonly Key[]) {}

  /** `texts`: 32 bytes each, as 64 hex digits or base64; the newest first. */
  static fromKeys(texts: readonly string[]): SecretBox {
    if (texts.length === 0) throw new OplogError("BAD_INPUT", "No encryption key was given", { hint: KEY_HINT });
    return new SecretBox(texts.map(readKey));
  }

  /** Reads the key file (a key a line, the newest first); makes one, readable by us alone, when there is none. */
  static async fromKeyFile(path: string): Promise<SecretBox> {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    if ((await keysIn(path)) === null) await placeKeys(path, [newKey()], { replace: false });
    await chmod(path, 0o600);
    return SecretBox.fromKeys((await keysIn(path)) ?? []);
  }

  /** `v1.<key id>.<iv, tag and ciphertext in base64>` */
  encrypt(text: string): string {
    const key = this.keys[0]!;
    const iv = randomBytes(IV_BYTES);
    const cipher = createCipheriv(ALGORITHM, key.bytes, iv, { authTagLength: TAG_BYTES });
    const encrypted = Buffer.concat([cipher.update(text, "utf8"), cipher.final()]);
    return `v1.${key.id}.${Buffer.concat([iv, cipher.getAuthTag(), encrypted]).toString("base64")}`;
  }

  decrypt(sealed: string): string {
    const [version, id, data] = sealed.split(".");
    const key = this.keys.find((candidate) => candidate.id === id);
    if (version !== "v1" || !data)
      throw new OplogError("DAMAGED", "A stored secret has an unknown form", { hint: "Register the cluster's connection string again." });
    if (!key)
      throw new OplogError("BAD_INPUT", `A stored secret was encrypted with the key ${id}, which is not among ours`, {
        hint: "Give the key it was encrypted with as well (ENCRYPTION_KEY takes several, newest first), or register the connection string again.",
      });
    const bytes = Buffer.from(data, "base64");
    const decipher = createDecipheriv(ALGORITHM, key.bytes, bytes.subarray(0, IV_BYTES), { authTagLength: TAG_BYTES });
    decipher.setAuthTag(bytes.subarray(IV_BYTES, IV_BYTES + TAG_BYTES));
    try {
      return Buffer.concat([decipher.update(bytes.subarray(IV_BYTES + TAG_BYTES)), decipher.final()]).toString("utf8");
    } catch (cause) {
      throw new OplogError("DAMAGED", "A stored secret was changed and can't be decrypted", {
        cause,
        hint: "Register the cluster's connection string again.",
      });
    }
  }

  /** Which keys these are, the one that encrypts first; says nothing about them. */
  get keyIds(): string[] {
    return this.keys.map(({ id }) => id);
  }

  /** True when the text was encrypted with an older key, and should be encrypted again. */
  isOld(sealed: string): boolean {
    return sealed.split(".")[1] !== this.keys[0]!.id;
  }
}

/** Puts a new key before those of the file: after the next start it encrypts, the older ones still decrypt. `Manager.rotateKey` then makes them dispensable. */
export async function addKeyToFile(path: string): Promise<void> {
  await placeKeys(path, [newKey(), ...((await keysIn(path)) ?? [])], { replace: true });
}

const newKey = (): string => randomBytes(KEY_BYTES).toString("hex");

async function keysIn(path: string): Promise<string[] | null> {
  try {
    return (await readFile(path, "utf8")).split(/\s+/).filter(Boolean);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

/** The file appears whole or not at all: a key that is half written, or lost with the power, would take all secrets with it. */
async function placeKeys(path: string, keys: readonly string[], { replace }: { replace: boolean }): Promise<void> {
  const temporary = `${path}.${process.pid}.${randomBytes(4).toString("hex")}`;
  const file = await open(temporary, "wx", 0o600);
  try {
    await file.writeFile(`${keys.join("\n")}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  if (replace) return rename(temporary, path);
  try {
    await link(temporary, path);
  } catch (error) {
    // Another process was first: its key holds.
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  } finally {
    await unlink(temporary);
  }
}

const KEY_HINT =
  "ENCRYPTION_KEY takes 32 bytes as 64 hex digits or base64: `openssl rand -hex 32` makes one. Several are separated by commas, the newest first.";

function readKey(text: string): Key {
  const bytes = /^[0-9a-f]{64}$/i.test(text) ? Buffer.from(text, "hex") : Buffer.from(text, "base64");
  if (bytes.length !== KEY_BYTES)
    throw new OplogError("BAD_INPUT", `An encryption key has ${bytes.length} bytes instead of ${KEY_BYTES}`, { hint: KEY_HINT });
  return { id: createHash("sha256").update(bytes).digest("hex").slice(0, 8), bytes };
}
