import { promisify } from "node:util";
import * as zlib from "node:zlib";
import { OplogError } from "./errors.js";

/** How a segment's payload is compressed. `none` is for tests and for payloads that a sink compresses itself. */
export const CODECS = ["brotli", "gzip", "zstd", "none"] as const;

export type Codec = (typeof CODECS)[number];

/** Every Node can read it, and it is faster and smaller than gzip. zstd needs Node 22.15, also to restore. */
export const DEFAULT_CODEC: Codec = "brotli";

/** `fast` while one is behind, so that compression holds nobody up; `small` where there is time. */
export type Effort = "fast" | "small";

/**
 * Of 2.6 MB of orders and of as much text, on one core: brotli 0 makes 1,600 and 350 MB a second and 7.7 and 41 % of them, brotli 4 makes 250 and
 * 100 MB and 5.8 and 24 %; gzip 1 makes 560 and 80 MB and 7.6 and 47 %, gzip 6 130 and 40 MB and 6.2 and 44 %. Above these each costs more than
 * it saves.
 */
const BROTLI_QUALITY: Record<Effort, number> = { fast: 0, small: 4 };
const GZIP_LEVEL: Record<Effort, number> = { fast: 1, small: 6 };

/** 1 MiB: larger windows find little more in a segment, and cost memory. */
const BROTLI_WINDOW_BITS = 20;

/**
 * What zlib's thread hands over at a time: about half of a common segment. With Node's own 16 KiB it asks the main thread for room a dozen
 * times a segment, which costs a fifth more CPU; from 1 MiB on the room itself costs more.
 */
const CHUNK = { chunkSize: 128 * 1024 };

type Transform = (bytes: Buffer) => Promise<Buffer>;

const gzip = promisify<zlib.InputType, zlib.ZlibOptions, Buffer>(zlib.gzip);
const gunzip = promisify<zlib.InputType, zlib.ZlibOptions, Buffer>(zlib.gunzip);
const brotli = promisify<zlib.InputType, zlib.BrotliOptions, Buffer>(zlib.brotliCompress);
const unbrotli = promisify<zlib.InputType, zlib.BrotliOptions, Buffer>(zlib.brotliDecompress);

function brotliOptions(effort: Effort, bytes: number): zlib.BrotliOptions {
  const { BROTLI_PARAM_QUALITY, BROTLI_PARAM_LGWIN, BROTLI_PARAM_SIZE_HINT } = zlib.constants;
  const params = {
    [BROTLI_PARAM_QUALITY]: BROTLI_QUALITY[effort],
    [BROTLI_PARAM_LGWIN]: BROTLI_WINDOW_BITS,
    [BROTLI_PARAM_SIZE_HINT]: bytes,
  };
  return { ...CHUNK, params };
}

// Absent from Node 20's types and runtime, so looked up at run time.
const zstd = zlib as unknown as Partial<
  Record<"zstdCompress" | "zstdDecompress", (bytes: Buffer, done: (error: Error | null, out: Buffer) => void) => void>
>;

function zstdTransform(name: "zstdCompress" | "zstdDecompress"): Transform {
  const run = zstd[name];
  if (!run)
    throw new OplogError("BAD_INPUT", `This Node (${process.version}) has no zstd`, {
      hint: "Use Node 22.15 or newer, or another codec.",
    });
  return promisify(run);
}

const identity: Transform = async (bytes) => bytes;

/** Both directions run on zlib's threads, so that the thread that reads the source is not held up. */
export function compress(codec: Codec, effort: Effort = "small"): Transform {
  switch (codec) {
    case "brotli":
      return (bytes) => brotli(bytes, brotliOptions(effort, bytes.length));
    case "gzip":
      return (bytes) => gzip(bytes, { ...CHUNK, level: GZIP_LEVEL[effort] });
    case "zstd":
      return zstdTransform("zstdCompress");
    case "none":
      return identity;
  }
}

/** Throws `DAMAGED` for a codec that this version does not know. */
export function decompress(codec: Codec): Transform {
  switch (codec) {
    case "brotli":
      return (bytes) => unbrotli(bytes, CHUNK);
    case "gzip":
      return (bytes) => gunzip(bytes, CHUNK);
    case "zstd":
      return zstdTransform("zstdDecompress");
    case "none":
      return identity;
    default:
      throw new OplogError("DAMAGED", `A segment is compressed with ${JSON.stringify(codec)}, which this program does not know`, {
        hint: "Use the version of Oplog Collector that wrote the log, or a newer one.",
      });
  }
}
