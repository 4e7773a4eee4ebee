import type { FileHandle } from "node:fs/promises";
import type { SealedSegment } from "../segment.js";
import type { StoredHeader } from "../store.js";
import { damagedSegment } from "./damaged-segment.js";

/**
 * A segment as one run of bytes, wherever a file or an object holds it:
 *
 *     "OPLOGSEG"        8 bytes
 *     payload length    8 bytes, unsigned, little-endian
 *     header            a BSON document, whose first 4 bytes are its length
 *     payload           as compressed
 *     hash              32 bytes, SHA-256 of header and payload
 *
 * The first 20 bytes give the size of the whole, so a file that was cut short shows without its payload being read.
 */
const MAGIC = Buffer.from("OPLOGSEG", "latin1");
const HEADER_AT = MAGIC.length + 8;
const HASH_LENGTH = 32;

/** Nearly every header (some 700 bytes, and 40 for each namespace and operation) comes with the first read of a file. */
export const FIRST_READ_BYTES = 16 * 1024;

/** The pieces of the file, in order: the payload is not copied to be written. */
export function encodeSegment({ header, payload, hash }: SealedSegment): Buffer[] {
  const start = Buffer.alloc(HEADER_AT);
  MAGIC.copy(start);
  start.writeBigUInt64LE(BigInt(payload.length), MAGIC.length);
  return [start, header, payload, hash];
}

/** Reads what `encodeSegment` wrote. The hash is handed out, not checked: `readPayload` does that. */
export function decodeSegment(number: number, bytes: Buffer): SealedSegment {
  const { headerEnd, payloadEnd } = extent(number, bytes, bytes.length);
  return {
    number,
    header: bytes.subarray(HEADER_AT, headerEnd),
    payload: bytes.subarray(headerEnd, payloadEnd),
    hash: bytes.subarray(payloadEnd),
  };
}

/** Reads `length` bytes from `position` on; fewer at the end. */
type Read = (position: number, length: number) => Promise<Buffer>;

/** Reads header and hash of a segment's file, and no byte of its payload. */
export async function readSegmentHeader(number: number, file: FileHandle): Promise<StoredHeader> {
  const { size } = await file.stat();
  const read: Read = async (position, length) => {
    const buffer = Buffer.alloc(length);
    const { bytesRead } = await file.read(buffer, 0, length, position);
    return buffer.subarray(0, bytesRead);
  };
  return headerIn(number, size, await read(0, Math.min(size, FIRST_READ_BYTES)), read);
}

/** The same, of any run of bytes of which the beginning, `start`, has been read. */
export async function headerIn(number: number, size: number, start: Buffer, read: Read): Promise<StoredHeader> {
  const { headerEnd, payloadEnd } = extent(number, start, size);
  // Copied out of a larger read, so that who keeps many headers doesn't keep those reads.
  const header =
    headerEnd <= start.length ? Buffer.from(start.subarray(HEADER_AT, headerEnd)) : await read(HEADER_AT, headerEnd - HEADER_AT);
  const hash = size <= start.length ? Buffer.from(start.subarray(payloadEnd)) : await read(payloadEnd, HASH_LENGTH);
  if (header.length !== headerEnd - HEADER_AT || hash.length !== HASH_LENGTH)
    throw damagedSegment(number, "was cut short while it was read");
  return { number, header, hash, storedBytes: payloadEnd - HEADER_AT };
}

function extent(number: number, start: Buffer, size: number): { headerEnd: number; payloadEnd: number } {
  if (start.length < HEADER_AT + 4) throw damagedSegment(number, `has ${size} bytes, fewer than any segment`);
  if (!start.subarray(0, MAGIC.length).equals(MAGIC)) throw damagedSegment(number, `does not begin with ${MAGIC.toString("latin1")}`);
  const payloadLength = start.readBigUInt64LE(MAGIC.length);
  const headerLength = start.readInt32LE(HEADER_AT);
  const expected = BigInt(HEADER_AT) + BigInt(headerLength) + payloadLength + BigInt(HASH_LENGTH);
  if (headerLength < 5 || expected !== BigInt(size))
    throw damagedSegment(number, `has ${size} bytes where its beginning promises ${expected}`);
  return { headerEnd: HEADER_AT + headerLength, payloadEnd: size - HASH_LENGTH };
}
