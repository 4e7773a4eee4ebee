import { randomBytes } from "node:crypto";
import * as zlib from "node:zlib";
import { BSON } from "mongodb";
import { describe, expect, test } from "vitest";
import { CODECS, type Codec, compress, DEFAULT_CODEC, decompress } from "./codec.js";

const EVENTS = Buffer.concat(
  Array.from({ length: 3_000 }, (_, n) => BSON.serialize({ n, order: n * 7, status: "paid", note: `to ${n % 60}` })),
);
const PAYLOADS = { nothing: Buffer.alloc(0), "one event": EVENTS.subarray(0, 70), events: EVENTS, noise: randomBytes(300_000) };

const hasZstd = "zstdCompress" in zlib;

describe.each(CODECS.filter((codec) => hasZstd || codec !== "zstd"))("%s", (codec) => {
  test.each(Object.keys(PAYLOADS) as (keyof typeof PAYLOADS)[])("gives back %s", async (what) => {
    const payload = PAYLOADS[what];
    for (const effort of ["fast", "small"] as const)
      expect((await decompress(codec)(await compress(codec, effort)(payload))).equals(payload)).toBe(true);
  });

  test.skipIf(codec === "none")("makes events small, with more effort smaller, and refuses what is cut short", async () => {
    const [fast, small] = await Promise.all([compress(codec, "fast")(EVENTS), compress(codec, "small")(EVENTS)]);
    expect(fast.length).toBeLessThan(EVENTS.length / 5);
    expect(small.length).toBeLessThanOrEqual(fast.length);
    await expect(decompress(codec)(fast.subarray(0, fast.length >> 1))).rejects.toThrow();
  });
});

test("the default is smaller than gzip where there is time", async () => {
  const [ours, gzip] = await Promise.all([compress(DEFAULT_CODEC, "small")(EVENTS), compress("gzip", "small")(EVENTS)]);
  expect(ours.length).toBeLessThan(gzip.length);
});

test("a codec of a newer version is named", () => {
  expect(() => decompress("new" as Codec)).toThrow('compressed with "new"');
});

test.skipIf(hasZstd)("a Node without zstd says so", () => {
  expect(() => compress("zstd")).toThrow("has no zstd");
});
