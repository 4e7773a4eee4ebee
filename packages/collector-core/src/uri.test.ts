import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { resolveUri } from "./uri.js";

const URI = "mongodb://bob:s3cr3t@host/db";

afterEach(() => vi.unstubAllEnvs());

/** The refusal of a reference, in which no value may stand. */
function refusal(reference: string): unknown {
  try {
    return resolveUri(reference);
  } catch (error) {
    expect(`${error} ${JSON.stringify(error)}`).not.toContain("s3cr3t");
    return error;
  }
}

test("a URI that is no reference is itself", () => {
  expect(resolveUri(` ${URI}\n`)).toBe(URI);
  expect(resolveUri("file:///var/lib/oplog")).toBe("file:///var/lib/oplog");
});

test("env:NAME is the value of the environment variable", () => {
  vi.stubEnv("STORE_URI_FOR_TEST", ` ${URI} \n`);
  expect(resolveUri("env:STORE_URI_FOR_TEST")).toBe(URI);
});

test("file-ref:PATH is what the file holds", async () => {
  const folder = await mkdtemp(join(tmpdir(), "oplog-uri-"));
  try {
    await writeFile(join(folder, "uri"), `${URI}\n`);
    await writeFile(join(folder, "empty"), "\n");
    await writeFile(join(folder, "two"), `${URI}\n${URI}\n`);
    expect(resolveUri(`file-ref:${folder}/uri`)).toBe(URI);
    expect(refusal(`file-ref:${folder}/empty`)).toMatchObject({ code: "BAD_INPUT", message: expect.stringContaining("is empty") });
    expect(refusal(`file-ref:${folder}/two`)).toMatchObject({ code: "BAD_INPUT", message: expect.stringContaining("white space") });
    expect(refusal(`file-ref:${folder}/none`)).toMatchObject({ code: "BAD_INPUT", message: expect.stringContaining(`${folder}/none`) });
    expect(refusal(`file-ref:${folder}`)).toMatchObject({ code: "BAD_INPUT" });
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("a variable that is not set, or empty, is named", () => {
  vi.stubEnv("STORE_URI_FOR_TEST", "");
  expect(refusal("env:STORE_URI_FOR_TEST")).toMatchObject({
    code: "BAD_INPUT",
    message: 'The environment variable "STORE_URI_FOR_TEST" is empty',
  });
  expect(refusal("env:STORE_URI_NOT_SET")).toMatchObject({
    message: 'The environment variable "STORE_URI_NOT_SET" is not set',
    hint: expect.any(String),
  });
});
