import { networkCode } from "./describe-error.js";
import { isOplogError } from "./errors.js";
import { type ChainLink, chainProblem } from "./log-chain.js";
import { documentsIn } from "./raw-bson.js";
import { readAhead } from "./read-ahead.js";
import { decodeHeader, hashSegment, readPayload, type SegmentHeader } from "./segment.js";
import type { Store } from "./store.js";

/** What a check of a whole log found. */
export interface Verification {
  ok: boolean;
  segments: number;
  events: number;
  bytes: number;
  /** Encrypted segments whose events were not looked at, as no key was given: their hashes and the chain are as written. */
  unread: number;
  /** The first segment that is not what was stored, or not where it should be. */
  bad: { segment: number; problem: string } | null;
}

/** Recomputes every hash, the chain, the numbers, the positions and the counts. Stops at the first thing that is wrong. */
export async function verifyLog(store: Store, log: string, onProgress: (sofar: Verification) => void = () => {}): Promise<Verification> {
  const result: Verification = { ok: true, segments: 0, events: 0, bytes: 0, unread: 0, bad: null };
  let before: (ChainLink & { number: number }) | null = null;
  const fail = (segment: number, problem: string): Verification => ({ ...result, ok: false, bad: { segment, problem } });
  // Read first: a segment stored meanwhile is newer than what it knows of.
  const checkpoint = await store.readCheckpoint();
  const ahead = readAhead(store);
  for (;;) {
    const expected: number = (before?.number ?? 0) + 1;
    try {
      const next = await ahead.next();
      if (next.done) break;
      const { number, hash } = next.value.stored;
      // The first one may follow a prune; from there on none may be missing.
      if (before && number !== expected) return fail(expected, `is missing; the next one stored is ${number}`);
      const segment = await next.value.segment;
      if (!segment) return fail(number, "is missing");
      const header = decodeHeader(segment.header);
      const unread = header.encryption !== undefined && !segment.keys;
      if (unread && !hashSegment(segment.header, segment.payload).equals(segment.hash))
        return fail(number, "does not have the hash it was stored with");
      const payload = unread ? null : await readPayload(segment, header);
      const problem = !segment.hash.equals(hash) ? "changed while it was read" : inconsistency(header, number, log, before, payload);
      if (problem) return fail(number, problem);
      before = { number, hash, header };
      result.segments++;
      if (unread) result.unread++;
      result.events += header.events;
      result.bytes += header.bytes;
      onProgress(result);
    } catch (error) {
      if (isUnreachable(error)) throw error;
      return fail(expected, error instanceof Error ? error.message : String(error));
    }
  }
  const last = before?.number ?? 0;
  if (checkpoint && checkpoint.afterSegment > last)
    return fail(last + 1, `is missing; a checkpoint was written when segment ${checkpoint.afterSegment} was the newest`);
  return result;
}

/** A store that does not answer, or may not be read, says nothing about the log. */
const isUnreachable = (error: unknown): boolean =>
  isOplogError(error)
    ? error.code !== "DAMAGED" && error.code !== "STORE_FAILED"
    : networkCode(error) !== undefined || /^Mongo(Network|ServerSelection|Server)/.test((error as Error)?.name ?? "");

function inconsistency(
  header: SegmentHeader,
  number: number,
  log: string,
  before: ChainLink | null,
  payload: Buffer | null,
): string | null {
  const problem = chainProblem(header, number, before);
  if (problem) return problem;
  if (header.log !== log) return `belongs to the log ${header.log}`;
  // Whoever has no key could otherwise put events of their own between those that are sealed.
  if (before?.header.encryption && !header.encryption) return "is not encrypted, and the one before it is";
  if (!payload) return null;
  let events = 0;
  for (const _ of documentsIn(payload)) events++;
  const counted = header.counts.reduce((sum, count) => sum + count.events, 0);
  return events === header.events && (header.kind !== "events" || counted === events)
    ? null
    : `holds ${events} events, its header says ${header.events}`;
}
