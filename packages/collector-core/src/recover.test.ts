import { describe, expect, test } from "vitest";
import { checkSameSource, recover } from "./recover.js";
import { decodeHeader, type SourceIdentity } from "./segment.js";
import { memoryStoreLocation } from "./stores/memory-store.js";
import { sampleCheckpoint, samplePosition, sampleSegment } from "./stores/sample-segment.js";

const source: SourceIdentity = { replicaSetId: "set-1", setName: "rs", sharded: false, version: "6.0.5", database: null };

async function storeOf(count: number) {
  const store = await memoryStoreLocation().log("orders");
  for (let number = 1; number <= count; number++) await store.append(sampleSegment({ number, source }));
  return store;
}

describe("where a log goes on", () => {
  test("nowhere, when it is empty, whatever a checkpoint says", async () => {
    expect(await recover(await storeOf(0), null)).toBeNull();
    expect(await recover(await storeOf(0), sampleCheckpoint(3, null))).toBeNull();
  });

  test("after the newest segment", async () => {
    const store = await storeOf(3);
    const newest = (await store.read(3))!;
    const { to, coveredTo } = decodeHeader(newest.header);
    expect(await recover(store, null)).toMatchObject({
      ...{ head: { number: 3, hash: newest.hash, position: to, coveredTo }, position: to, coveredTo },
      ...{ source, format: "change-event", lastEventAt: to.wallTime },
    });
  });

  test("at a later position that a checkpoint after that segment knows of; the next segment still follows the newest", async () => {
    const recovered = await recover(await storeOf(3), sampleCheckpoint(9, null, { afterSegment: 3 }));
    expect(recovered).toMatchObject({ position: samplePosition(9), coveredTo: samplePosition(9).clusterTime });
    expect(recovered?.head).toMatchObject({ number: 3, position: samplePosition(3), coveredTo: samplePosition(3).clusterTime });
  });

  test.each([
    ["written before the newest segment", sampleCheckpoint(9, null, { afterSegment: 2 })],
    ["behind the newest segment", sampleCheckpoint(2, null, { afterSegment: 3 })],
    ["of segments that are not there", sampleCheckpoint(9, null, { afterSegment: 4 })],
  ])("not at a checkpoint %s", async (_, checkpoint) => {
    expect((await recover(await storeOf(3), checkpoint))?.position).toEqual(samplePosition(3));
  });

  test("never covering less than the newest segment does", async () => {
    const checkpoint = sampleCheckpoint(9, null, { afterSegment: 3, coveredTo: samplePosition(1).clusterTime });
    expect((await recover(await storeOf(3), checkpoint))?.coveredTo).toBe(samplePosition(3).clusterTime);
  });
});

describe("another source behind the same URI", () => {
  test.each([
    ["another deployment", { replicaSetId: "set-2" }],
    ["another set's name", { setName: "other" }],
    ["another database", { database: "shop" }],
  ])("%s is refused", (_, change) => {
    expect(() => checkSameSource(source, { ...source, ...change })).toThrow(expect.objectContaining({ code: "SOURCE_MISMATCH" }));
  });

  test.each([
    ["another version", { version: "7.0.1" }],
    ["an id that may not be read", { replicaSetId: null }],
  ])("%s is the same source", (_, change) => {
    expect(() => checkSameSource(source, { ...source, ...change })).not.toThrow();
  });
});
