import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "vitest";
import { folderStore } from "../../../../examples/custom-sink/folder-store.mjs";
import { type OpenedForTest, storeConformanceCases } from "./conformance.js";
import { behavesLikeModel } from "./store-model.js";

async function open(): Promise<OpenedForTest> {
  const folder = await mkdtemp(join(tmpdir(), "oplog-custom-sink-"));
  return {
    location: folderStore(folder),
    reopen: async () => folderStore(folder),
    dispose: () => rm(folder, { recursive: true, force: true }),
  };
}

describe("the store that the guide shows", () => {
  for (const { name, run } of storeConformanceCases) test(name, () => run(open));
  test("any sequence of operations has the outcome of the model", () => behavesLikeModel(open));
});
