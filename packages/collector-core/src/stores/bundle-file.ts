import type { BundleRange, EncodedBundle } from "./bundle.js";
import { damagedSegment } from "./damaged-segment.js";

/**
 * A bundle as one run of bytes, wherever a file or an object holds it:
 *
 *     "OPLOGBND"      8 bytes
 *     index length    8 bytes, unsigned, little-endian
 *     index           gzip
 *     payloads        one after another, each as its segment was stored
 */
const MAGIC = Buffer.from("OPLOGBND", "latin1");
const INDEX_AT = MAGIC.length + 8;

/** The index of most bundles comes with the first read. */
const FIRST_READ_BYTES = 256 * 1024;

/** Reads from `position` on, `length` bytes or to the end: fewer at the end; null when there is no such file. */
export type ReadBytes = (position: number, length?: number) => Promise<Buffer | null>;

export function encodeBundleFile({ index, payloads }: EncodedBundle): Buffer[] {
  const start = Buffer.alloc(INDEX_AT);
  MAGIC.copy(start);
  start.writeBigUInt64LE(BigInt(index.length), MAGIC.length);
  return [start, index, ...payloads];
}

export async function readBundleIndex(range: BundleRange, read: ReadBytes): Promise<Buffer | null> {
  const start = await read(0, FIRST_READ_BYTES);
  if (!start) return null;
  const end = indexEnd(range, start);
  return end <= start.length ? start.subarray(INDEX_AT, end) : read(INDEX_AT, end - INDEX_AT);
}

export async function readBundlePayloads(range: BundleRange, read: ReadBytes): Promise<Buffer | null> {
  const bytes = await read(0);
  return bytes?.subarray(indexEnd(range, bytes)) ?? null;
}

function indexEnd({ first, last }: BundleRange, start: Buffer): number {
  const isBundle = start.length >= INDEX_AT && start.subarray(0, MAGIC.length).equals(MAGIC);
  const length = isBundle ? start.readBigUInt64LE(MAGIC.length) : 0n;
  if (!isBundle || length > BigInt(Number.MAX_SAFE_INTEGER))
    throw damagedSegment(first, `is in a bundle up to segment ${last} that does not begin as a bundle does`);
  return INDEX_AT + Number(length);
}
