import assert from "node:assert/strict";
import { createCipheriv } from "node:crypto";
import { decodeHeader, type SealedSegment } from "../segment.js";
import type { Store, StoredHeader } from "../store.js";
import type { PlacedCase } from "./conformance.js";
import { sampleSegment } from "./sample-segment.js";

/** Beyond what one document of MongoDB holds. */
const LARGE_PAYLOAD_BYTES = 20 * 1024 * 1024;

/** More than a store lists in one batch, or keeps in one reply. */
const MANY_SEGMENTS = 250;

export const segmentCases: PlacedCase[] = [
  {
    name: "consecutive segments come back byte for byte",
    async test({ location }) {
      const log = await location.log("orders");
      const segments = samples(3);
      for (const segment of segments) assert.equal(await log.append(segment), "stored");
      for (const segment of segments) await assertStored(log, segment);
      assert.deepEqual(await collect(log.headers()), segments.map(headerOf));
    },
  },
  {
    name: "a number that holds a segment is taken, for the same segment as for another, and the stored one stays",
    async test({ location }) {
      const log = await location.log("orders");
      const [first, second] = samples(2);
      await log.append(first!);
      await log.append(second!);
      assert.equal(await log.append(second!), "taken");
      assert.equal(await log.append(sampleSegment({ number: 2, payload: large(LARGE_PAYLOAD_BYTES) })), "taken");
      assert.equal(await log.append(sampleSegment({ number: 1, events: 3 })), "taken");
      for (const segment of [first!, second!]) await assertStored(log, segment);
      assert.equal((await collect(log.headers())).length, 2);
    },
  },
  {
    name: "of writers that race for a number exactly one stores its segment, whole",
    async test({ location }) {
      const writers = await Promise.all(Array.from({ length: 4 }, () => location.log("orders")));
      for (let number = 1; number <= 5; number++) {
        const segments = writers.map((_, writer) => sampleSegment({ number, payload: large(100_000, writer) }));
        const answers = await Promise.all(segments.map((segment, writer) => writers[writer]!.append(segment)));
        assert.deepEqual(answers.toSorted(), ["stored", "taken", "taken", "taken"]);
        for (const log of writers) await assertStored(log, segments[answers.indexOf("stored")]!);
      }
    },
  },
  {
    name: "headers come in the order of their numbers, forwards and backwards, from after a number",
    async test({ location }) {
      const log = await location.log("orders");
      assert.deepEqual(await collect(log.headers()), []);
      assert.deepEqual(await collect(log.headers({ reverse: true })), []);
      const segments = samples(MANY_SEGMENTS);
      for (const segment of segments) await log.append(segment);
      const expected = segments.map(headerOf);
      assert.deepEqual(await collect(log.headers()), expected);
      assert.deepEqual(await collect(log.headers({ reverse: true })), expected.toReversed());
      assert.deepEqual(await collect(log.headers({ after: 10 })), expected.slice(10));
      assert.deepEqual(await collect(log.headers({ after: 10, reverse: true })), expected.slice(10).reverse());
      assert.deepEqual(await collect(log.headers({ after: MANY_SEGMENTS })), []);
      for await (const newest of log.headers({ reverse: true })) {
        assert.equal(newest.number, MANY_SEGMENTS);
        break; // a reader may stop at any time
      }
    },
  },
  {
    name: "there is no segment under a number that was not stored",
    async test({ location }) {
      const log = await location.log("orders");
      assert.equal(await log.read(1), null);
      await log.append(sampleSegment({ number: 1 }));
      assert.equal(await log.read(2), null);
      assert.equal(await log.read(123_456_789_012), null);
    },
  },
  {
    name: "a payload of 20 MiB that can't be compressed, and an empty one, come back",
    async test({ location }) {
      const log = await location.log("orders");
      const segments = [
        sampleSegment({ number: 1, payload: large(LARGE_PAYLOAD_BYTES) }),
        sampleSegment({ number: 2, kind: "start", events: 0, payload: Buffer.alloc(0) }),
      ];
      for (const segment of segments) assert.equal(await log.append(segment), "stored");
      for (const segment of segments) await assertStored(log, segment);
      assert.equal(await log.append(segments[0]!), "taken");
      await assertStored(log, segments[0]!);
      assert.deepEqual(await collect(log.headers()), segments.map(headerOf));
    },
  },
  {
    name: "a header with 5,000 namespaces of any characters comes back byte for byte",
    async test({ location }) {
      const log = await location.log("orders");
      const counts = Array.from({ length: 5_000 }, (_, i) => ({
        namespace: `shop.${i}.$cmd.çaß漢字🙂.${"x".repeat(200)}\\"'`,
        operation: "insert",
        events: i,
      }));
      const snapshot = { "$set.a": { "10": 1, "2": 1.5, "": null }, "a.b": [[]] };
      const segment = sampleSegment({ number: 1, counts, snapshot });
      assert.equal(await log.append(segment), "stored");
      await assertStored(log, segment);
      const [stored] = await collect(log.headers());
      assert.deepEqual(stored, headerOf(segment));
      assert.deepEqual(decodeHeader(stored!.header).counts, counts);
    },
  },
  {
    name: "removing up to a number leaves the newer segments, and the numbers go on",
    async test({ location }) {
      const log = await location.log("orders");
      const segments = samples(MANY_SEGMENTS);
      segments[3] = sampleSegment({ number: 4, payload: large(LARGE_PAYLOAD_BYTES) });
      for (const segment of segments) await log.append(segment);
      await log.remove(0);
      assert.equal((await collect(log.headers())).length, MANY_SEGMENTS);
      await log.remove(3);
      await log.remove(3);
      assert.equal(await log.read(3), null);
      await assertStored(log, segments[3]!);
      await log.remove(MANY_SEGMENTS - 2);
      assert.deepEqual(await collect(log.headers()), segments.slice(-2).map(headerOf));
      await log.remove(MANY_SEGMENTS + 10);
      assert.deepEqual(await collect(log.headers()), []);
      assert.equal(await log.append(sampleSegment({ number: MANY_SEGMENTS + 1 })), "stored");
    },
  },
  {
    name: "segments in a bundle stay what they are, for every reader, and their numbers taken; removing may cut a bundle",
    async test({ location, reopen }) {
      const log = await location.log("orders");
      const { bundling } = log;
      if (!bundling) return; // it keeps each as it was stored
      const segments = samples(MANY_SEGMENTS);
      for (const segment of segments) await log.append(segment);
      const reader = await (reopen ? await reopen() : location).log("orders");
      await assertStored(reader, segments[9]!);
      assert.ok((await bundling.bundle(segments.slice(0, 100))) > 0);
      await bundling.bundle(segments.slice(120, 240));
      const isWhole = async (kept: Store, from = 0) => {
        const expected = segments.slice(from).map(headerOf);
        assert.deepEqual(await collect(kept.headers()), expected);
        assert.deepEqual(await collect(kept.headers({ reverse: true })), expected.toReversed());
        assert.deepEqual(await collect(kept.headers({ after: 130 })), segments.slice(130).map(headerOf));
        for (const segment of segments.slice(from)) await assertStored(kept, segment);
      };
      for (const kept of [log, reader]) await isWhole(kept);
      assert.deepEqual(await bundling.ranges(), [
        { first: 1, last: 100 },
        { first: 121, last: 240 },
      ]);
      const other = await (reopen ? await reopen() : location).log("orders");
      for (const kept of [log, other]) assert.equal(await kept.append(sampleSegment({ number: 121, events: 3 })), "taken");
      assert.equal(await bundling.tidy(), 0);
      await log.remove(130);
      for (const kept of [log, other]) {
        assert.equal(await kept.read(130), null);
        await isWhole(kept, 130);
      }
      assert.equal(await log.append(sampleSegment({ number: MANY_SEGMENTS + 1 })), "stored");
      await log.remove();
      for (const kept of [log, other]) assert.deepEqual(await collect(kept.headers()), []);
      assert.equal(await log.append(segments[129]!), "stored");
      await assertStored(log, segments[129]!);
    },
  },
  {
    name: "what was stored is there for who opens the place again",
    async test({ location, reopen }) {
      const log = await location.log("orders");
      const segments = samples(2);
      for (const segment of segments) await log.append(segment);
      await log.close();
      await log.close();
      if (reopen) {
        await location.close();
        await location.close();
      }
      const again = await (reopen ? await reopen() : location).log("orders");
      for (const segment of segments) await assertStored(again, segment);
      assert.equal(await again.append(segments[1]!), "taken");
      assert.equal(await again.append(sampleSegment({ number: 3 })), "stored");
    },
  },
];

const samples = (count: number): SealedSegment[] => Array.from({ length: count }, (_, i) => sampleSegment({ number: i + 1 }));

/** The same bytes in every run, and no pattern in them. */
function large(length: number, seed = 0): Buffer {
  return createCipheriv("aes-128-ctr", Buffer.alloc(16, seed), Buffer.alloc(16)).update(Buffer.alloc(length));
}

export const headerOf = ({ number, header, hash, payload }: SealedSegment): StoredHeader => ({
  number,
  header,
  hash,
  storedBytes: header.length + payload.length,
});

export async function assertStored(log: Store, expected: SealedSegment): Promise<void> {
  const stored = await log.read(expected.number);
  assert.ok(stored, `segment ${expected.number} is not there`);
  assert.equal(stored.number, expected.number);
  for (const part of ["header", "payload", "hash"] as const)
    assert.ok(expected[part].equals(stored[part]), `${part} of segment ${expected.number} differs`);
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
