import { describe, expect, test } from "vitest";
import type { Checkpoint, Store, Writer } from "./store.js";
import { memoryStoreLocation } from "./stores/memory-store.js";
import { sampleCheckpoint, sampleSegment } from "./stores/sample-segment.js";
import { checkNoOtherWriter, claimLog, type Machine, WRITER_SILENT_MS } from "./writer-claim.js";

const self: Writer = { id: "a", host: "host-1", pid: 1 };
const other: Writer = { id: "b", host: "host-1", pid: 2 };
const machine = (alive: boolean): Machine => ({ host: "host-1", pid: 1, isAlive: () => alive });
const SEEN = 1_000_000;
const checkpoint = (writer: Writer | null): Checkpoint => sampleCheckpoint(1, writer, { at: new Date(SEEN) });

describe("beside another collector", () => {
  test.each([
    ["there is no checkpoint", null, true, 0],
    ["it was released", checkpoint(null), true, 0],
    ["it is ours", checkpoint(self), true, 0],
    ["its process is gone", checkpoint(other), false, 0],
    ["it was not seen for long", checkpoint({ ...other, host: "host-2" }), true, WRITER_SILENT_MS + 1],
  ])("we may begin when %s", (_, found, alive, after) => {
    expect(() => checkNoOtherWriter(found, self, machine(alive), SEEN + after)).not.toThrow();
  });

  test.each([
    ["its process lives", other, true, 0],
    ["it is on another machine and was seen lately", { ...other, host: "host-2" }, false, WRITER_SILENT_MS],
    ["its clock is ahead", { ...other, host: "host-2" }, false, -60_000],
  ])("we may not when %s", (_, writer, alive, after) => {
    expect(() => checkNoOtherWriter(checkpoint(writer), self, machine(alive), SEEN + after)).toThrow(
      expect.objectContaining({ code: "FENCED" }),
    );
  });
});

describe("claiming a log", () => {
  const source = { replicaSetId: "set-1", setName: "rs", sharded: false, version: "6.0.5", database: null };
  const clock = { now: () => SEEN, random: () => 0, sleep: async () => {} };
  const options = (takeOver = false, alive = true) => ({ machine: machine(alive), clock, takeOver });

  /** Two handles, as two processes have them. */
  async function stores(): Promise<[Store, Store]> {
    const location = memoryStoreLocation();
    const store = await location.log("orders");
    await store.append(sampleSegment({ number: 1, source }));
    return [store, await location.log("orders")];
  }

  test("leaves an empty log alone: its first segment decides", async () => {
    const store = await memoryStoreLocation().log("orders");
    expect(await claimLog(store, self, options())).toBeNull();
    expect(await store.readCheckpoint()).toBeNull();
  });

  test("writes our name, and tells where to go on", async () => {
    const [store] = await stores();
    expect(await claimLog(store, self, options())).toMatchObject({ head: { number: 1 } });
    expect(await store.readCheckpoint()).toMatchObject({ writer: self, afterSegment: 1 });
  });

  test("of two that find it free at once, lets the first one have it", async () => {
    const [ours, theirs] = await stores();
    const free = { ...theirs, readCheckpoint: async () => null };
    await claimLog(ours, self, options());
    await expect(claimLog(free, other, options())).rejects.toMatchObject({ code: "FENCED" });
    expect((await ours.readCheckpoint())?.writer).toEqual(self);
  });

  test("takes it from one that is gone, or from one that lives when told to", async () => {
    for (const { takeOver, alive } of [
      { takeOver: false, alive: false },
      { takeOver: true, alive: true },
    ]) {
      const [ours, theirs] = await stores();
      await claimLog(theirs, other, options());
      await claimLog(ours, self, options(takeOver, alive));
      expect((await ours.readCheckpoint())?.writer).toEqual(self);
    }
  });

  test("again does not take it back from one that took it over meanwhile", async () => {
    const [ours, theirs] = await stores();
    await claimLog(ours, self, options());
    const found = await ours.readCheckpoint();
    await claimLog(theirs, other, options(true));
    await expect(claimLog({ ...ours, readCheckpoint: async () => found }, self, options())).rejects.toMatchObject({ code: "FENCED" });
  });
});
