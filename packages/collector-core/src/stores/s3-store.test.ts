import { createCipheriv } from "node:crypto";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { startHttpProxy } from "../../../../scripts/http-proxy.mjs";
import { startS3Server } from "../../../../scripts/s3-server.mjs";
import { appendOnce } from "../append.js";
import { describeError } from "../describe-error.js";
import { isOplogError } from "../errors.js";
import type { SealedSegment } from "../segment.js";
import { isFatalStoreError } from "../source/classify-error.js";
import type { Store, StoreLocation } from "../store.js";
import { assertStored, collect, headerOf } from "./conformance-segments.js";
import { openStore } from "./open-store.js";
import { s3Client } from "./s3-client.js";
import { parseS3StoreUri } from "./s3-uri.js";
import { sampleCheckpoint, sampleSegment } from "./sample-segment.js";

let server: Awaited<ReturnType<typeof startS3Server>>;
let proxy: Awaited<ReturnType<typeof startHttpProxy>>;
const open: StoreLocation[] = [];
let places = 0;

beforeAll(async () => {
  server = await startS3Server();
  await server.createBucket("logs");
  proxy = await startHttpProxy({ port: server.port });
}, 600_000);
afterAll(async () => {
  await proxy?.close();
  await server?.stop();
});
afterEach(async () => {
  proxy.heal();
  proxy.stripped = [];
  for (const location of open.splice(0)) await location.close();
});

/** A log of its own, reached through the proxy. */
async function openLog(): Promise<Store> {
  const location = await openStore(server.uri(`logs/${++places}`, { port: proxy.port }));
  open.push(location);
  return location.log("orders");
}

/** As a collector does: the same segment again until it is stored. */
async function appendPersistently(store: Store, segment: SealedSegment): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await appendOnce(store, segment);
    } catch (error) {
      if (isFatalStoreError(error) || attempt === 10) throw error;
    }
  }
}

/** In two parts. */
const LARGE = createCipheriv("aes-128-ctr", Buffer.alloc(16, 7), Buffer.alloc(16)).update(Buffer.alloc(9 * 1024 * 1024));

describe("a segment is stored once, whatever becomes of a request", () => {
  const faults = {
    "the connection ends before it": "cut",
    "the connection ends after it was done": "forward-then-cut",
    "502 in its place": { status: 502, code: "BadGateway" },
    "500 although it was done": { status: 500, code: "InternalError", forward: true },
    "409, another request is under way": { status: 409, code: "ConditionalRequestConflict" },
  } as const;
  test.each(Object.entries(faults))("%s", async (_, fault) => {
    const store = await openLog();
    await store.append(sampleSegment({ number: 1 }));
    for (const [number, payload] of [
      [2, undefined],
      [3, LARGE],
    ] as const) {
      const segment = sampleSegment({ number, payload });
      // Each kind of request of this append fails twice in a row: as often as the client tries it by itself.
      const struck = new Map<string, number>();
      proxy.onRequest(({ method, url }) => {
        const kind = `${method} ${url!.replace(/=[^&]*/g, "")}`;
        const times = (struck.get(kind) ?? 0) + 1;
        struck.set(kind, times);
        return method !== "GET" && times <= 2 ? fault : "forward";
      });
      await appendPersistently(store, segment);
      proxy.heal();
      await assertStored(store, segment);
      expect(await store.append(segment)).toBe("taken");
      expect([...struck.keys()].filter((kind) => kind.startsWith("PUT"))).not.toEqual([]);
    }
    expect(await collect(store.headers())).toHaveLength(3);
  });

  test("an answer later than the next request", async () => {
    const store = await openLog();
    const [first, second] = [sampleSegment({ number: 1 }), sampleSegment({ number: 1, events: 3 })];
    let release = () => {};
    const held = new Promise<void>((resolve) => (release = resolve));
    let late = true;
    proxy.onRequest(async ({ method, url }) => {
      if (method === "PUT" && url!.includes("0000000001") && late) {
        late = false;
        await held;
      }
      return "forward" as const;
    });
    const slow = store.append(first);
    await expect.poll(() => late).toBe(false);
    expect(await store.append(second)).toBe("stored");
    release();
    expect(await slow).toBe("taken");
    await assertStored(store, second);
  });
});

test("a server that overwrites what it is asked to keep is refused, before anything is stored in it", async () => {
  proxy.stripped = ["if-none-match"];
  const store = await openLog();
  const error: unknown = await store.append(sampleSegment({ number: 1 })).catch((thrown) => thrown);
  expect(error).toMatchObject({
    code: "BAD_INPUT",
    message: expect.stringContaining("overwrites"),
    hint: expect.stringContaining("MinIO"),
  });
  expect(isFatalStoreError(error)).toBe(true);
  await expect(store.writeCheckpoint(sampleCheckpoint(1, "a"))).rejects.toThrow(/overwrites/);
  expect(await collect(store.headers())).toEqual([]);
});

test("a server that keeps whole objects but not those in parts gets whole ones", async () => {
  const store = await openLog();
  const segment = sampleSegment({ number: 1, payload: LARGE });
  // The end of an upload in parts is a POST.
  proxy.onRequest((request) => {
    if (request.method === "POST") delete request.headers["if-none-match"];
    return "forward";
  });
  expect(await store.append(segment)).toBe("stored");
  expect(await store.append(sampleSegment({ number: 1, payload: LARGE.subarray(1) }))).toBe("taken");
  await assertStored(store, segment);
});

test("what another tool has copied into the bucket is a log", async () => {
  const store = await openLog();
  const segments = [sampleSegment({ number: 1 }), sampleSegment({ number: 2, payload: Buffer.alloc(50_000, 3) })];
  for (const segment of segments) await store.append(segment);
  const from = `${places}/orders/segments/000000`;
  const to = `${++places}/orders/segments/000000`;
  const { sdk, client } = await s3Client(parseS3StoreUri(server.uri("logs")));
  for (const name of ["0000000001.segment", "0000000002.segment"]) {
    const { Body } = await client.send(new sdk.GetObjectCommand({ Bucket: "logs", Key: `${from}/${name}` }));
    await client.send(new sdk.PutObjectCommand({ Bucket: "logs", Key: `${to}/${name}`, Body: await Body!.transformToByteArray() }));
  }
  client.destroy();
  const location = await openStore(server.uri(`logs/${places}`));
  open.push(location);
  expect(await location.names()).toEqual(["orders"]);
  const copy = await location.log("orders");
  expect(await collect(copy.headers())).toEqual(segments.map(headerOf));
  for (const segment of segments) await assertStored(copy, segment);
});

describe("what is wrong is told in a sentence", () => {
  test("a bucket that does not exist", async () => {
    const error: unknown = await openStore(server.uri("no-such-bucket/logs")).catch((thrown) => thrown);
    expect(error).toMatchObject({
      code: "BAD_INPUT",
      message: expect.stringContaining("does not exist"),
      hint: expect.stringContaining("Create it"),
    });
  });

  test("a server that is not there", async () => {
    const uri = server.uri("logs", { port: 1 });
    const error: unknown = await openStore(uri).catch((thrown) => thrown);
    expect(error).toMatchObject({ code: "UNREACHABLE", message: expect.stringContaining("does not answer (ECONNREFUSED)") });
    expect(isFatalStoreError(error)).toBe(false);
  });

  // Whether it is tried again decides the collector's state: an operator's mistake ends it, what passes does not.
  test.each([
    [403, "AccessDenied", "FORBIDDEN", /may not do this/, /s3:PutObject/, true],
    [403, "InvalidAccessKeyId", "LOGIN_REFUSED", /does not know the access key/, /AWS_ACCESS_KEY_ID/, true],
    [403, "SignatureDoesNotMatch", "LOGIN_REFUSED", /secret is not the access key's/, /percent-encoded/, true],
    [301, "PermanentRedirect", "BAD_INPUT", /another region/, /region=/, true],
    [400, "AuthorizationHeaderMalformed", "BAD_INPUT", /another region/, /region=/, true],
    [404, "NoSuchBucket", "BAD_INPUT", /does not exist/, /Create it/, true],
    [403, "RequestTimeTooSkewed", "UNREACHABLE", /clock/, /NTP/, false],
    [507, "XMinioStorageFull", "UNREACHABLE", /disk is full/, /Free some space/, false],
    [403, "ExpiredToken", "UNREACHABLE", /expired/, /Renew/, false],
    [503, "SlowDown", "UNREACHABLE", /fewer requests/, /rpo/, false],
    [500, "InternalError", "UNREACHABLE", /InternalError/, /cause/, false],
  ])("%i %s", async (status, code, ours, message, hint, fatal) => {
    const store = await openLog();
    await store.append(sampleSegment({ number: 1 }));
    proxy.onRequest(() => ({ status, code }));
    const acts = [
      () => store.append(sampleSegment({ number: 2 })),
      () => store.read(1),
      () => collect(store.headers()),
      () => store.readCheckpoint(),
    ];
    for (const act of acts) {
      const error: unknown = await act().catch((thrown) => thrown);
      expect(isOplogError(error, ours as never), `${error}`).toBe(true);
      expect(describeError(error)).toMatchObject({ message: expect.stringMatching(message), hint: expect.stringMatching(hint) });
      expect(isFatalStoreError(error)).toBe(fatal);
      expect(JSON.stringify(describeError(error))).not.toContain("test-secret");
    }
  });

  test("a parameter that is not known", async () => {
    const error: unknown = await openStore(`s3://logs?endpoint=${server.endpoint}&profile=x`).catch((thrown) => thrown);
    expect(error).toMatchObject({ code: "BAD_INPUT", message: expect.stringContaining('"profile"') });
  });
});

describe("the URI", () => {
  test("says bucket, prefix, server, region and credentials", () => {
    expect(parseS3StoreUri("s3://my.bucket")).toEqual({ bucket: "my.bucket", prefix: "" });
    expect(parseS3StoreUri("s3://b-1/a%20b//c/?region=eu-central-1")).toEqual({ bucket: "b-1", prefix: "a b/c/", region: "eu-central-1" });
    expect(parseS3StoreUri("s3://K%2F:s%2F%2B@b-1/p?endpoint=http://127.0.0.1:9000")).toEqual({
      bucket: "b-1",
      prefix: "p/",
      endpoint: "http://127.0.0.1:9000",
      region: "us-east-1",
      credentials: { accessKeyId: "K/", secretAccessKey: "s/+" },
    });
  });

  test.each([
    "s3:",
    "s3:///prefix",
    "s3://localhost:9000/bucket",
    "s3://key@bucket",
    "s3://k:s3cr3t@bucket?layout=entries",
    "s3://k:s3cr3t@bucket?endpoint=127.0.0.1:9000",
    "s3://k:s3cr3t@bucket?endpoint=http://u:s3cr3t@h",
    "s3://k:s3cr3t%@bucket",
    "s3://k:s3cr3t@bucket/a%2",
    "s3://k:s3cr3t@bucket#x",
  ])("%s is refused, without its secrets", async (uri) => {
    const error: unknown = await openStore(uri).catch((thrown) => thrown);
    expect(error).toMatchObject({ code: "BAD_INPUT", hint: expect.stringMatching(/^[A-Z].*\.$/) });
    expect(`${error} ${(error as { hint: string }).hint}`).not.toContain("s3cr3t");
  });
});
