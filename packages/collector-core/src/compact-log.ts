import { CompactionPlan } from "./compaction-plan.js";
import { OplogError } from "./errors.js";
import { type ChainLink, chainProblem } from "./log-chain.js";
import { decodeHeader, hashSegment, type SealedSegment } from "./segment.js";
import type { Bundling, Store } from "./store.js";
import { rangeOf } from "./stores/bundle.js";

/**
 * Younger segments stay as they are. A writer that was asleep for longer than a fraction of this looks, before it believes that a number was free,
 * whether that is in a bundle; one that was not can't come upon a number so old. Two minutes leave room for clocks that differ.
 */
export const COMPACT_AFTER_MS = 120_000;

export interface CompactOptions {
  /** What was sealed later stays as it is. @default two minutes ago, which is also the latest that counts */
  before?: Date;
  /** Plans, and changes nothing. */
  dryRun?: boolean;
  signal?: AbortSignal;
  onProgress?: (sofar: Compacted) => void;
  /** @default now */
  now?: Date;
}

export interface Compacted {
  /** Made, or to be made. */
  bundles: number;
  /** The segments in them. */
  segments: number;
  /** What those had, header and payload, as objects of their own; and what the bundles have. A dry run does not know the second. */
  storedBytes: number;
  bundleBytes: number | null;
  /** Objects that an interrupted compaction had left, removed now. */
  leftovers: number;
}

/**
 * Keeps runs of small segments as one object each. The segments themselves stay as they are, byte for byte, each with its number, its hash and its
 * place in the chain: only how the store keeps them changes. The collector may run meanwhile, and so may readers.
 */
export async function compactLog(store: Store, options: CompactOptions = {}): Promise<Compacted> {
  const { dryRun = false, signal, onProgress = () => {}, now = new Date() } = options;
  const { bundling } = store;
  if (!bundling)
    throw new OplogError("BAD_INPUT", "This store keeps each segment as it is: there is nothing to compact", {
      hint: "A store of entries has a document an event, to be queried. Copy the log to a store of files, to object storage or to MongoDB without layout=entries.",
    });
  const result: Compacted = {
    bundles: 0,
    segments: 0,
    storedBytes: 0,
    bundleBytes: dryRun ? null : 0,
    leftovers: dryRun ? 0 : await bundling.tidy(),
  };
  const latest = new Date(now.getTime() - COMPACT_AFTER_MS);
  const before = options.before && options.before < latest ? options.before : latest;
  for (const { first, last } of await planFor(store, bundling, before)) {
    if (signal?.aborted) break;
    const segments = await readRun(store, first, last);
    if (!dryRun) result.bundleBytes! += await bundling.bundle(segments);
    result.bundles++;
    result.segments += segments.length;
    result.storedBytes += segments.reduce((sum, { header, payload }) => sum + header.length + payload.length, 0);
    onProgress(result);
  }
  return result;
}

async function planFor(store: Store, bundling: Bundling, before: Date): Promise<{ first: number; last: number }[]> {
  const ranges = await bundling.ranges();
  const plan = new CompactionPlan(before);
  for await (const { number, header, storedBytes } of store.headers())
    plan.add({ number, storedBytes, sealedAt: decodeHeader(header).sealedAt, bundled: rangeOf(ranges, number) !== undefined });
  return plan.bundles();
}

/** Only what is sound is put together: what is damaged stays where it is, and where `verify` names it. */
async function readRun(store: Store, first: number, last: number): Promise<SealedSegment[]> {
  const segments: SealedSegment[] = [];
  let link: ChainLink | null = null;
  for (let number = first; number <= last; number++) {
    const segment = await store.read(number);
    const problem: string | null = segment ? unsound(segment, link) : "was removed meanwhile";
    if (!segment || problem)
      throw new OplogError(segment ? "DAMAGED" : "CONFLICT", `Segment ${number} ${problem}; nothing from it on was compacted`, {
        hint: segment ? "Run verify on the log." : "Run compact again when nothing else removes segments of this log.",
      });
    segments.push(segment);
    link = { header: decodeHeader(segment.header), hash: segment.hash };
  }
  return segments;
}

const unsound = (segment: SealedSegment, before: ChainLink | null): string | null =>
  hashSegment(segment.header, segment.payload).equals(segment.hash)
    ? before && chainProblem(decodeHeader(segment.header), segment.number, before)
    : "does not have the hash it was stored with";
