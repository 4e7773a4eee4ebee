import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BSON } from "mongodb";
import { describe, expect, test } from "vitest";
import { compress } from "./codec.js";
import { copyLog } from "./copy-log.js";
import { type Keyring, keyring, keysFromEnvironment } from "./keyring.js";
import { readEvents } from "./read-events.js";
import { recover } from "./recover.js";
import { decodeHeader, hashSegment, readPayload, type SealedSegment, sealSegment } from "./segment.js";
import type { Store } from "./store.js";
import { memoryStoreLocation } from "./stores/memory-store.js";
import { sampleSegment } from "./stores/sample-segment.js";
import { locationWithKeys } from "./stores/with-keys.js";
import { verifyLog } from "./verify.js";

const [first, second] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];
const [old, rotated, foreign] = [keyring([first]), keyring([second, first]), keyring([Buffer.alloc(32, 3)])];
const SECRET = "4929 1234 5678 9012";
const events = Buffer.concat(
  [1, 2].map((i) => BSON.serialize({ _id: { _data: `82${i}` }, operationType: "insert", fullDocument: { card: SECRET } })),
);

/** A chained segment as a collector with these keys seals it. */
async function sealed(number: number, previous: SealedSegment | undefined, keys?: Keyring): Promise<SealedSegment> {
  const sample = sampleSegment({ number, payload: events, previous: previous?.hash ?? null, codec: "gzip", source: undefined });
  return sealSegment(decodeHeader(sample.header), await compress("gzip")(events), keys);
}

/** Plain, encrypted with the old key, with the new one; and the place, opened with whichever keys. */
async function mixedLog() {
  const location = memoryStoreLocation();
  const store = await location.log("orders");
  const segments: SealedSegment[] = [];
  for (const keys of [undefined, old, rotated]) segments.push(await sealed(segments.length + 1, segments.at(-1), keys));
  for (const segment of segments) await store.append(segment);
  const open = (keys?: Keyring): Promise<Store> => (keys ? locationWithKeys(location, keys) : location).log("orders");
  return { open, segments };
}

test("what is stored shows nothing of the events, and comes back with the key, byte for byte", async () => {
  const { open, segments } = await mixedLog();
  const store = await open(rotated);
  for (const { number, header, payload } of segments.slice(1)) {
    expect(decodeHeader(header).encryption).toMatchObject({ algorithm: "AES-256-GCM", keyId: expect.stringMatching(/^[0-9a-f]{16}$/) });
    expect(Buffer.concat([header, payload]).includes(SECRET)).toBe(false);
    expect(await readPayload((await store.read(number))!)).toEqual(events);
  }
  expect(decodeHeader(segments[1]!.header).encryption).not.toEqual(decodeHeader(segments[2]!.header).encryption);
});

test("the same events sealed twice have nothing in common", async () => {
  const [a, b] = [await sealed(1, undefined, old), await sealed(1, undefined, old)];
  expect(a.payload.equals(b.payload)).toBe(false);
  expect(a.hash.equals(b.hash)).toBe(false);
});

describe("verify", () => {
  test("without a key checks hashes and chain, and says what it could not look at", async () => {
    const { open } = await mixedLog();
    expect(await verifyLog(await open(), "orders")).toMatchObject({ ok: true, segments: 3, unread: 2 });
    expect(await verifyLog(await open(rotated), "orders")).toMatchObject({ ok: true, segments: 3, unread: 0 });
  });

  test("without a key finds a flipped bit", async () => {
    const { segments } = await mixedLog();
    const store = await memoryStoreLocation().log("orders");
    const payload = Buffer.from(segments[2]!.payload);
    payload[3]! ^= 1;
    for (const segment of [segments[0]!, segments[1]!, { ...segments[2]!, payload }]) await store.append(segment);
    expect(await verifyLog(store, "orders")).toMatchObject({ ok: false, segments: 2, bad: { segment: 3 } });
  });

  test("with the key finds a forger who can compute hashes: neither payload nor header can be exchanged", async () => {
    const { segments } = await mixedLog();
    const honest = segments[1]!;
    const payload = Buffer.from(honest.payload);
    payload[0]! ^= 1;
    // Version 2 and the same encryption, but another end: as someone without the key would write it.
    const document = BSON.deserialize(honest.header, { promoteValues: false });
    document.sealedAt = new Date(0);
    const header = Buffer.from(BSON.serialize(document));
    for (const forged of [
      { ...honest, payload, hash: hashSegment(honest.header, payload) },
      { ...honest, header, hash: hashSegment(header, honest.payload) },
      { ...honest, payload: Buffer.alloc(4), hash: hashSegment(honest.header, Buffer.alloc(4)) },
    ]) {
      const location = memoryStoreLocation();
      await (await location.log("orders")).append(segments[0]!);
      await (await location.log("orders")).append(forged);
      const store = await locationWithKeys(location, rotated).log("orders");
      expect(await verifyLog(store, "orders")).toMatchObject({ ok: false, bad: { segment: 2, problem: expect.stringMatching(/key/) } });
    }
  });

  test("a segment in the clear after an encrypted one is not the collector's", async () => {
    const { open, segments } = await mixedLog();
    const store = await open(rotated);
    await store.append(await sealed(4, segments.at(-1)));
    expect(await verifyLog(store, "orders")).toMatchObject({
      ok: false,
      bad: { segment: 4, problem: expect.stringMatching(/not encrypted/) },
    });
  });

  test("with a key that is another one says so, as it proves nothing about the log", async () => {
    const { open } = await mixedLog();
    await expect(verifyLog(await open(foreign), "orders")).rejects.toMatchObject({
      code: "FORBIDDEN",
      message: expect.stringContaining(foreign.ids[0]!),
      hint: expect.stringContaining("OPLOG_STORE_KEY_FILE"),
    });
  });
});

test("reading without the key is refused with a sentence that names the key, not the key itself", async () => {
  const { open } = await mixedLog();
  const reading = async (keys?: Keyring) => {
    for await (const _ of readEvents(await open(keys)));
  };
  await expect(reading()).rejects.toMatchObject({
    code: "FORBIDDEN",
    message: expect.stringMatching(new RegExp(`${old.ids[0]}, and no key is given`)),
  });
  const error: unknown = await reading(foreign).catch((thrown) => thrown);
  for (const key of [first, Buffer.alloc(32, 3)])
    for (const form of ["hex", "base64"] as const) expect(`${error}`).not.toContain(key.toString(form));
});

test("a collector does not go on with an encrypted log in the clear", async () => {
  const { open } = await mixedLog();
  await expect(recover(await open(), null)).rejects.toMatchObject({
    code: "FORBIDDEN",
    message: expect.stringContaining("would go on unencrypted"),
  });
});

test("a place that is opened with keys has the logs that it has", async () => {
  const plain = memoryStoreLocation();
  for (const name of ["orders", "orders@1", "other@1"]) await (await plain.log(name)).append(sampleSegment({ number: 1, log: name }));
  const location = locationWithKeys(plain, old);
  expect([await location.names(), await location.names("orders@")]).toEqual([["orders", "orders@1", "other@1"], ["orders@1"]]);
});

test("a copy needs no key, and is readable with it", async () => {
  const { open } = await mixedLog();
  const location = memoryStoreLocation();
  await copyLog(await open(), await location.log("orders"));
  expect(await verifyLog(await locationWithKeys(location, rotated).log("orders"), "orders")).toMatchObject({
    ok: true,
    unread: 0,
    segments: 3,
  });
});

describe("keys", () => {
  test("come from the environment or a file, in base64 or hex; the first one is the newest", async () => {
    const directory = await mkdtemp(join(tmpdir(), "oplog-keys-"));
    try {
      const path = join(directory, "keys");
      await writeFile(path, `# the new one\n${second.toString("base64")}\n\n${first.toString("hex")}\n`);
      const keys = keysFromEnvironment({ OPLOG_STORE_KEY_FILE: path })!;
      expect([keys.newest.bytes, keys.ids]).toEqual([second, rotated.ids]);
      expect(keysFromEnvironment({ OPLOG_STORE_KEY: `${second.toString("hex")},${first.toString("base64url")}` })!.ids).toEqual(
        rotated.ids,
      );
      expect(keysFromEnvironment({})).toBeUndefined();
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  const good = randomBytes(32).toString("base64");
  test.each([
    [{ OPLOG_STORE_KEY: "" }, /no key/],
    [{ OPLOG_STORE_KEY: "correct horse battery staple" }, /no key of 256 bits, in place 1/],
    [{ OPLOG_STORE_KEY: `${good},${good.slice(4)}` }, /in place 2/],
    [{ OPLOG_STORE_KEY_FILE: "/no/such/file" }, /can't be read/],
    [{ OPLOG_STORE_KEY_FILE: "/no/such/file", OPLOG_STORE_KEY: good }, /Both/],
  ])("what is no key is refused and not repeated: %j", (environment, message) => {
    const thrown = (() => {
      try {
        return keysFromEnvironment(environment);
      } catch (error) {
        return error;
      }
    })();
    expect(thrown).toMatchObject({
      code: "BAD_INPUT",
      message: expect.stringMatching(message),
      hint: expect.stringMatching(/openssl rand/),
    });
    expect(`${thrown}`).not.toContain(good.slice(4));
    expect(`${thrown}`).not.toContain("horse");
  });
});
