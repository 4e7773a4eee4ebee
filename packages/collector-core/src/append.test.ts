import { describe, expect, test, vi } from "vitest";
import { appendOnce, appendUntilStored } from "./append.js";
import { OplogError } from "./errors.js";
import { DEFAULT_RETRY } from "./retry.js";
import { memoryStoreLocation } from "./stores/memory-store.js";
import { sampleSegment } from "./stores/sample-segment.js";
import { Troubles } from "./trouble.js";

const segment = sampleSegment({ number: 1 });
const openStore = () => memoryStoreLocation().log("orders");

describe("one try to store a segment", () => {
  test("succeeds when the number is free, and when it holds this very segment", async () => {
    const store = await openStore();
    await appendOnce(store, segment);
    await appendOnce(store, segment);
    expect(await store.read(1)).toEqual(segment);
  });

  test("is fenced when the number holds another one, which stays", async () => {
    const store = await openStore();
    const other = sampleSegment({ number: 1, events: 3 });
    await store.append(other);
    await expect(appendOnce(store, segment)).rejects.toMatchObject({ code: "FENCED" });
    expect(await store.read(1)).toEqual(other);
  });

  test("is to be repeated when the number is taken and it can't be seen by what", async () => {
    const store = { append: async () => "taken" as const, read: async () => null };
    await expect(appendOnce(store, segment)).rejects.toMatchObject({ code: "STORE_FAILED" });
  });
});

describe("storing a segment", () => {
  const clock = { now: () => 0, random: () => 0, sleep: async () => {} };
  const troubles = () => new Troubles(DEFAULT_RETRY, clock, () => {});
  const never = new AbortController().signal;

  test("is repeated with the same segment until the store has it, also when the answer of a success is lost", async () => {
    const store = await openStore();
    const answers = ["refused", "lost", "given"];
    const append = vi.fn(async (sealed: typeof segment) => {
      const answer = answers.shift();
      if (answer === "refused") throw new OplogError("STORE_FAILED", "no space left");
      const result = await store.append(sealed);
      if (answer === "lost") throw new Error("connection closed");
      return result;
    });
    await appendUntilStored({ append, read: store.read }, segment, troubles(), never);
    expect(append.mock.calls).toEqual([[segment], [segment], [segment]]);
    expect(await store.read(1)).toEqual(segment);
  });

  test("ends at once with what trying again can't mend", async () => {
    const append = vi.fn(async () => "taken" as const);
    const store = { append, read: async () => sampleSegment({ number: 1, events: 3 }) };
    await expect(appendUntilStored(store, segment, troubles(), never)).rejects.toMatchObject({ code: "FENCED" });
    expect(append).toHaveBeenCalledTimes(1);
  });

  test("that is given up is a failure, and never taken for a success", async () => {
    const stop = new AbortController();
    const store = { append: () => new Promise<"stored">(() => {}), read: async () => null };
    const appending = appendUntilStored(store, segment, troubles(), stop.signal);
    stop.abort();
    await expect(appending).rejects.toMatchObject({ code: "UNREACHABLE" });
  });
});
