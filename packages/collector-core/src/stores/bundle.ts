import { gunzipSync, gzipSync } from "node:zlib";
import { Binary, BSON } from "mongodb";
import type { SealedSegment } from "../segment.js";
import type { StoredHeader } from "../store.js";
import { damagedSegment } from "./damaged-segment.js";

/** The numbers of consecutive segments that are kept as one object, both inclusive. */
export interface BundleRange {
  first: number;
  last: number;
}

/** Those that are not wholly in another one, ascending: what two compactions at once, or a removal that was interrupted, leave overlapping. */
export function widest(ranges: readonly BundleRange[]): BundleRange[] {
  const found: BundleRange[] = [];
  for (const range of ranges.toSorted((a, b) => a.first - b.first || b.last - a.last))
    if (range.last > (found.at(-1)?.last ?? 0)) found.push(range);
  return found;
}

/** The one that holds a number, of what `widest` gives: with `first`, `last` ascends as well, so it is the last that begins in time, if any. */
export function rangeOf(ranges: readonly BundleRange[], number: number): BundleRange | undefined {
  let [low, high] = [0, ranges.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (ranges[middle]!.first <= number) low = middle + 1;
    else high = middle;
  }
  const range = ranges[low - 1];
  return range && number <= range.last ? range : undefined;
}

/**
 * Consecutive segments as one object: an index, which holds each one's header and hash and is compressed as a whole, and their payloads one after
 * another, as they were stored. So each segment comes out of it byte for byte.
 */
export interface EncodedBundle {
  index: Buffer;
  payloads: Buffer[];
}

interface StoredIndex {
  segments: { n: number; header: Binary; hash: Binary; payload: number }[];
}

/** One segment in a bundle, and where in the payloads its own begins. */
interface BundledSegment {
  header: StoredHeader;
  payloadAt: number;
  payloadBytes: number;
}

/** Written once and read often, and headers are alike: the best that gzip does is a tenth of their size. */
const INDEX_GZIP_LEVEL = 9;

export function encodeBundle(segments: readonly SealedSegment[]): EncodedBundle {
  const index: StoredIndex = {
    segments: segments.map(({ number, header, hash, payload }) => ({
      n: number,
      header: new Binary(header),
      hash: new Binary(hash),
      payload: payload.length,
    })),
  };
  return {
    index: gzipSync(BSON.serialize(index), { level: INDEX_GZIP_LEVEL }),
    payloads: segments.map(({ payload }) => payload),
  };
}

/** What a bundle's index says, by number; throws `DAMAGED` when it can't be read. Hashes are handed out, not checked, as everywhere in a store. */
export function decodeIndex({ first, last }: BundleRange, index: Buffer): Map<number, BundledSegment> {
  const found = new Map<number, BundledSegment>();
  try {
    const { segments } = BSON.deserialize(gunzipSync(index), { promoteBuffers: true }) as unknown as {
      segments: { n: number; header: Buffer; hash: Buffer; payload: number }[];
    };
    let payloadAt = 0;
    for (const { n: number, header, hash, payload } of segments) {
      found.set(number, {
        header: { number, header, hash, storedBytes: header.length + payload },
        payloadAt,
        payloadBytes: payload,
      });
      payloadAt += payload;
    }
  } catch (cause) {
    throw damagedSegment(first, `is in a bundle up to segment ${last} whose index can't be read`, cause);
  }
  return found;
}

/** The segment of that number, from its bundle's payloads. */
export function segmentIn({ header, payloadAt, payloadBytes }: BundledSegment, payloads: Buffer): SealedSegment {
  const payload = payloads.subarray(payloadAt, payloadAt + payloadBytes);
  return { number: header.number, header: header.header, hash: header.hash, payload };
}
