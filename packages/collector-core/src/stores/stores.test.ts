/// <reference path="../../../../scripts/vitest-context.d.ts" />
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MongoClient } from "mongodb";
import { afterAll, beforeAll, describe, inject, test } from "vitest";
import { startS3Server } from "../../../../scripts/s3-server.mjs";
import type { StoreLocation } from "../store.js";
import { type OpenedForTest, storeConformanceCases } from "./conformance.js";
import { fileStoreLocation } from "./file-store.js";
import { memoryStoreLocation } from "./memory-store.js";
import { mongodbStoreLocation } from "./mongodb-location.js";
import { s3StoreLocation } from "./s3-store.js";
import { behavesLikeModel } from "./store-model.js";

async function openFile(): Promise<OpenedForTest> {
  const directory = await mkdtemp(join(tmpdir(), "oplog-file-store-"));
  return {
    location: fileStoreLocation(directory),
    reopen: async () => fileStoreLocation(directory),
    dispose: () => rm(directory, { recursive: true }),
  };
}

let databases = 0;

async function openMongodb(options?: { documentBytes: number }, parameters = ""): Promise<OpenedForTest> {
  const name = `store_${process.pid}_${++databases}`;
  const uri = inject("mongodbUri").replace("/?", `/${name}?${parameters}`);
  const open: StoreLocation[] = [];
  const reopen = async () => {
    const location = await mongodbStoreLocation(uri, options);
    open.push(location);
    return location;
  };
  return {
    location: await reopen(),
    reopen,
    async dispose() {
      for (const location of open) await location.close();
      await using client = new MongoClient(uri.replace("layout=entries&", ""));
      await client.db(name).dropDatabase();
    },
  };
}

let s3: Awaited<ReturnType<typeof startS3Server>>;
// The first time on a machine its libraries are fetched.
beforeAll(async () => {
  s3 = await startS3Server();
  await s3.createBucket("logs");
}, 600_000);
afterAll(() => s3?.stop());

async function openS3(): Promise<OpenedForTest> {
  const uri = s3.uri(`logs/in/a folder ${++databases}`);
  const open: StoreLocation[] = [];
  const reopen = async () => {
    const location = await s3StoreLocation(uri);
    open.push(location);
    return location;
  };
  return {
    location: await reopen(),
    reopen,
    async dispose() {
      for (const location of open) await location.close();
    },
  };
}

const STORES: Record<string, () => Promise<OpenedForTest>> = {
  memory: async () => ({ location: memoryStoreLocation(), dispose: async () => {} }),
  file: openFile,
  mongodb: () => openMongodb(),
  // So small that every segment is kept in parts.
  "mongodb, in parts": () => openMongodb({ documentBytes: 40_000 }),
  "mongodb, entries": () => openMongodb(undefined, "layout=entries&"),
  s3: () => openS3(),
};

for (const [store, open] of Object.entries(STORES))
  describe(`the ${store} store`, () => {
    for (const { name, run } of storeConformanceCases) test(name, () => run(open));
    test("any sequence of operations has the outcome of the model", () => behavesLikeModel(open));
  });
