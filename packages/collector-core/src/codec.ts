import { promisify } from "node:util";
import * as zlib from "node:zlib";
import { OplogError } from "./errors.js";

/** How a segment's payload is compressed. `none` is for tests and for payloads that a sink compresses itself. */
export type Codec = "gzip" | "zstd" | "none";

/** Level 1: on events gzip-1 gives 46 B an event where gzip-6 gives 41 B for four times the CPU; the threads must keep up with the server. */
const GZIP_LEVEL = 1;

/**
 * What zlib's thread hands over at a time: about half of a common segment. With Node's own 16 KiB it asks the main thread for room a dozen
 * times a segment, which costs a fifth more CPU; from 1 MiB on the room itself costs more.
 */
const GZIP_CHUNK_BYTES = 128 * 1024;

/** Every Node can read it. zstd (Node 22.15+) is smaller, and whoever chooses it needs such a Node to restore as well. */
export const DEFAULT_CODEC: Codec = "gzip";

type Transform = (bytes: Buffer) => Promise<Buffer>;

const gzip = promisify<zlib.InputType, zlib.ZlibOptions, Buffer>(zlib.gzip);
const gunzip = promisify<zlib.InputType, zlib.ZlibOptions, Buffer>(zlib.gunzip);

// Absent from Node 20's types and runtime, so looked up at run time.
const zstd = zlib as unknown as Partial<
  Record<"zstdCompress" | "zstdDecompress", (bytes: Buffer, done: (error: Error | null, out: Buffer) => void) => void>
>;

function zstdTransform(name: "zstdCompress" | "zstdDecompress"): Transform {
  const run = zstd[name];
  if (!run)
    throw new OplogError("BAD_INPUT", `This Node (${process.version}) has no zstd`, {
      hint: "Use Node 22.15 or newer, or the codec gzip.",
    });
  return promisify(run);
}

const identity: Transform = async (bytes) => bytes;

/** Both directions run on zlib's threads, so that the thread that reads the source is not held up. */
export const compress = (codec: Codec): Transform =>
  codec === "gzip"
    ? (bytes) => gzip(bytes, { level: GZIP_LEVEL, chunkSize: GZIP_CHUNK_BYTES })
    : codec === "zstd"
      ? zstdTransform("zstdCompress")
      : identity;

export const decompress = (codec: Codec): Transform =>
  codec === "gzip"
    ? (bytes) => gunzip(bytes, { chunkSize: GZIP_CHUNK_BYTES })
    : codec === "zstd"
      ? zstdTransform("zstdDecompress")
      : identity;
