import { expect, test } from "vitest";
import { copyLog } from "./copy-log.js";
import { decodeHeader, sealSegment } from "./segment.js";
import type { Store } from "./store.js";
import { assertStored, collect } from "./stores/conformance-segments.js";
import { memoryStoreLocation } from "./stores/memory-store.js";
import { sampleCheckpoint, sampleSegment } from "./stores/sample-segment.js";

const openLog = () => memoryStoreLocation().log("orders");

/** Segments that are really chained. */
function chained(count: number, seed = 0) {
  const segments: ReturnType<typeof sampleSegment>[] = [];
  for (let number = 1; number <= count; number++)
    segments.push(
      sampleSegment({ number, previous: segments.at(-1)?.hash ?? null, payload: Buffer.alloc(100, number + seed), codec: "none" }),
    );
  return segments;
}

async function logOf(segments: ReturnType<typeof chained>): Promise<Store> {
  const store = await openLog();
  for (const segment of segments) await store.append(segment);
  return store;
}

test("every segment is in the copy, byte for byte, with the checkpoint, released", async () => {
  const segments = chained(20);
  const [from, to] = [await logOf(segments), await openLog()];
  await from.writeCheckpoint(sampleCheckpoint(20, "collector"));
  expect(await copyLog(from, to)).toMatchObject({ segments: 20, upToSegment: 20 });
  for (const segment of segments) await assertStored(to, segment);
  expect(await to.readCheckpoint()).toEqual(sampleCheckpoint(20, null));
  expect(await copyLog(from, to)).toMatchObject({ segments: 0, storedBytes: 0, upToSegment: 20 });
});

test("it goes on after what is there, and with what a collector adds meanwhile", async () => {
  const segments = chained(10);
  const [from, to] = [await logOf(segments.slice(0, 6)), await logOf(segments.slice(0, 2))];
  let left = segments.slice(6);
  const read = from.read.bind(from);
  from.read = async (number) => {
    const [next] = left;
    left = left.slice(1);
    if (next) await from.append(next);
    return read(number);
  };
  expect(await copyLog(from, to)).toMatchObject({ segments: 8, upToSegment: 10 });
  expect(await collect(to.headers())).toHaveLength(10);
});

test("a checkpoint that is older than what was copied is not taken for it", async () => {
  const [from, to] = [await logOf(chained(3)), await openLog()];
  await from.writeCheckpoint(sampleCheckpoint(2, "collector"));
  await copyLog(from, to);
  expect(await to.readCheckpoint()).toBeNull();
});

test("what is not as it was sealed is not copied, nor anything after it", async () => {
  const segments = chained(5);
  const flipped = { ...segments[2]!, payload: Buffer.from(segments[2]!.payload) };
  flipped.payload[0]! ^= 1;
  const forged = sealSegment({ ...decodeHeader(segments[2]!.header), previous: Buffer.alloc(32) }, segments[2]!.payload);
  for (const [bad, problem] of [
    [flipped, /hash/],
    [forged, /not chained/],
  ] as const) {
    const [from, to] = [await logOf([segments[0]!, segments[1]!, bad, ...segments.slice(3)]), await openLog()];
    await expect(copyLog(from, to)).rejects.toMatchObject({ code: "DAMAGED", message: expect.stringMatching(problem) });
    expect(await collect(to.headers())).toHaveLength(2);
  }
  const holed = await logOf([...segments.slice(0, 2), ...segments.slice(3)]);
  await expect(copyLog(holed, await openLog())).rejects.toMatchObject({ code: "DAMAGED", message: expect.stringMatching(/missing/) });
});

test("a place that holds something else is left as it is", async () => {
  const segments = chained(5);
  const [from, other] = [await logOf(segments), await logOf(chained(3, 50))];
  await expect(copyLog(from, other)).rejects.toMatchObject({ code: "CONFLICT" });
  const pruned = await logOf(segments.slice(4));
  await expect(copyLog(pruned, await logOf(segments.slice(0, 2)))).rejects.toMatchObject({
    code: "CONFLICT",
    hint: expect.stringMatching(/pruned/),
  });
  const written = await openLog();
  await written.writeCheckpoint(sampleCheckpoint(1, "another"));
  await expect(copyLog(from, written)).rejects.toMatchObject({ code: "FENCED" });
  for (const store of [other, written]) expect((await collect(store.headers())).length).toBeLessThan(4);
});
