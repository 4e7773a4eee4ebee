/// <reference path="../../../../scripts/vitest-context.d.ts" />
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MongoClient } from "mongodb";
import { describe, inject, test } from "vitest";
import type { StoreLocation } from "../store.js";
import { type OpenedForTest, storeConformanceCases } from "./conformance.js";
import { fileStoreLocation } from "./file-store.js";
import { memoryStoreLocation } from "./memory-store.js";
import { mongodbStoreLocation } from "./mongodb-location.js";
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

async function openMongodb(options?: { documentBytes: number }): Promise<OpenedForTest> {
  const name = `store_${process.pid}_${++databases}`;
  const uri = inject("mongodbUri").replace("/?", `/${name}?`);
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
      await using client = new MongoClient(uri);
      await client.db(name).dropDatabase();
    },
  };
}

const STORES: Record<string, () => Promise<OpenedForTest>> = {
  memory: async () => ({ location: memoryStoreLocation(), dispose: async () => {} }),
  file: openFile,
  mongodb: () => openMongodb(),
  // So small that every segment is kept in parts.
  "mongodb, in parts": () => openMongodb({ documentBytes: 40_000 }),
};

for (const [store, open] of Object.entries(STORES))
  describe(`the ${store} store`, () => {
    for (const { name, run } of storeConformanceCases) test(name, () => run(open));
    test("any sequence of operations has the outcome of the model", () => behavesLikeModel(open));
  });
