/// <reference path="../../../../scripts/vitest-context.d.ts" />
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, describe, expect, inject, test, vi } from "vitest";
import { openStore } from "./open-store.js";
import { sampleSegment } from "./sample-segment.js";

afterEach(() => vi.unstubAllEnvs());

test("a file: URI opens that directory, also with characters that are encoded, and by reference", async () => {
  const folder = await mkdtemp(join(tmpdir(), "oplog store ü-"));
  try {
    const uri = pathToFileURL(folder).href;
    vi.stubEnv("STORE_URI_FOR_TEST", uri);
    await (await (await openStore(uri)).log("orders")).append(sampleSegment({ number: 1 }));
    for (const other of ["env:STORE_URI_FOR_TEST", uri.replace("file://", "file:"), uri.replace("file://", "FILE://localhost")])
      expect(await (await openStore(other)).names()).toEqual(["orders"]);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("a mongodb: URI opens that deployment", async () => {
  const location = await openStore(inject("mongodbUri").replace("/?", "/store_opened?"));
  expect(location.deployment?.database).toBe("store_opened");
  await location.close();
});

describe("a URI that can't be opened is refused without its secrets", () => {
  test.each([
    ["s3cr3t", /no scheme/],
    ["postgres://bob:s3cr3t@host/db", /scheme "postgres"/],
    ["bob:s3cr3t", /no scheme/],
    ["__proto__:x", /no scheme/],
    ["constructor://x", /scheme "constructor"/],
    ["", /no scheme/],
    ["file:relative/path", /names no absolute path/],
    ["file://relative/path", /names no absolute path/],
    ["file://bob:s3cr3t@host/path", /names no absolute path/],
    ["file:", /names no absolute path/],
    ["file:///", /names no absolute path/],
    ["file:///a%2Fb", /names no usable path/],
    ["file:///var/lib/oplog?layout=entries", /has parameters/],
    ["env:STORE_URI_NOT_SET", /is not set/],
  ])("%s", async (uri, message) => {
    const error: unknown = await openStore(uri).catch((thrown) => thrown);
    expect(error).toMatchObject({ code: "BAD_INPUT", message: expect.stringMatching(message), hint: expect.stringMatching(/^[A-Z].*\.$/) });
    if (uri !== "s3cr3t") expect(`${error}`).not.toContain("s3cr3t");
    else expect(`${error}`).not.toContain(uri);
  });
});
