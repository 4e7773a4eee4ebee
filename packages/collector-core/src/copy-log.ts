import { appendOnce } from "./append.js";
import { describeError } from "./describe-error.js";
import { OplogError } from "./errors.js";
import { type ChainLink, chainProblem } from "./log-chain.js";
import { readAhead, type SegmentAhead } from "./read-ahead.js";
import { decodeHeader, hashSegment, type SealedSegment } from "./segment.js";
import type { Checkpoint, Store } from "./store.js";

export interface CopyProgress {
  /** Copied in this run. */
  segments: number;
  storedBytes: number;
  /** The newest segment that is in both. */
  upToSegment: number;
}

export interface CopyLogOptions {
  signal?: AbortSignal;
  onProgress?: (sofar: CopyProgress) => void;
}

/**
 * Copies a log into another store, segment by segment, each with its exact bytes, after its hash and its place in the chain were checked. Goes on
 * where an earlier copy ended, by what the other store holds. Ends when it has caught up, though a collector may go on writing the log.
 */
export async function copyLog(from: Store, to: Store, { signal, onProgress = () => {} }: CopyLogOptions = {}): Promise<CopyProgress> {
  await checkNobodyWrites(await to.readCheckpoint());
  let link = await commonEnd(from, to);
  const progress: CopyProgress = { segments: 0, storedBytes: 0, upToSegment: link?.header.number ?? 0 };
  for (;;) {
    // Read before the segments: if it belongs to the last of them, what it says holds for the copy.
    const checkpoint = await from.readCheckpoint();
    const before = progress.segments;
    for await (const ahead of readAhead(from, progress.upToSegment)) {
      if (signal?.aborted) return progress;
      const segment = await present(ahead);
      link = checkFollows(segment, link);
      await appendOnce(to, segment).catch((error) => Promise.reject(sayWhere(error)));
      progress.segments++;
      progress.storedBytes += segment.header.length + segment.payload.length;
      progress.upToSegment = segment.number;
      onProgress(progress);
    }
    if (checkpoint?.afterSegment === progress.upToSegment && (await to.writeCheckpoint({ ...checkpoint, writer: null })) === "fenced")
      throw written();
    if (progress.segments === before || signal?.aborted) return progress;
  }
}

/** A collector that writes the copy and a copy that writes it would each find the other's segments in its place. */
async function checkNobodyWrites(checkpoint: Checkpoint | null): Promise<void> {
  if (checkpoint?.writer) throw written();
}

const written = () =>
  new OplogError("FENCED", "A collector writes the log that is to be the copy", {
    hint: "Stop it first, or copy to another place. One that was killed lets go when it is started and stopped once.",
  });

/** The newest segment of the copy, which must be in the log as well; null when the copy has none. */
async function commonEnd(from: Store, to: Store): Promise<ChainLink | null> {
  for await (const { number, hash, header } of to.headers({ reverse: true })) {
    const original = await from.read(number);
    if (original?.hash.equals(hash)) return { header: decodeHeader(header), hash };
    const whatIsThere = original ? "holds another one under that number" : "does not hold it";
    throw new OplogError("CONFLICT", `The copy ends with segment ${number}, and the log ${whatIsThere}`, {
      hint: original
        ? "It is the copy of another log: copy to another place."
        : "The log was pruned past the copy's end, or begun anew: copy to another place.",
    });
  }
  return null;
}

async function present({ stored, segment }: SegmentAhead): Promise<SealedSegment> {
  const read = await segment;
  if (read) return read;
  throw new OplogError("OUTSIDE_COVERAGE", `Segment ${stored.number} was removed while the log was copied`, {
    hint: "Prune after the copy has caught up, and copy to another place if it can't go on.",
  });
}

function checkFollows(segment: SealedSegment, before: ChainLink | null): ChainLink {
  const damaged = (what: string) =>
    new OplogError("DAMAGED", `Segment ${segment.number} ${what}; nothing from it on was copied`, { hint: "Run verify on the log." });
  if (!hashSegment(segment.header, segment.payload).equals(segment.hash)) throw damaged("does not have the hash it was stored with");
  const header = decodeHeader(segment.header);
  if (before && segment.number !== before.header.number + 1)
    throw damaged(`follows segment ${before.header.number}: what is between them is missing`);
  const problem = chainProblem(header, segment.number, before);
  if (problem) throw damaged(problem);
  return { header, hash: segment.hash };
}

const sayWhere = (error: unknown): unknown =>
  error instanceof OplogError && error.code === "FENCED"
    ? new OplogError("FENCED", `Something else writes the copy: ${describeError(error).message}`, {
        cause: error,
        hint: "Stop it, or copy to another place.",
      })
    : error;
