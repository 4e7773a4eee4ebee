import {
  type ClusterTime,
  decodeHeader,
  documentsIn,
  hashSegment,
  OplogError,
  type Position,
  positionOfEvent,
  readPayload,
  type SealedSegment,
  type SegmentHeader,
  type Store,
} from "@oplog-collector/collector-core";

/** Segments of one timeline, of which the events of `(after, to]` are wanted. */
export interface SegmentRange {
  firstSegment: number;
  lastSegment: number;
  after: ClusterTime;
  to: ClusterTime;
}

export interface ReadSegment {
  header: SegmentHeader;
  /** Its events one after another. */
  payload: Buffer;
}

/** Inside one cluster time a segment may end and the next begin, so only what begins later is out. */
export const mayHold = ({ events, from, to }: Pick<SegmentHeader, "events" | "from" | "to">, range: SegmentRange): boolean =>
  events > 0 && to.clusterTime > range.after && from.clusterTime <= range.to;

/** The headers of the segments that may hold events of the range. */
export async function* headersOf(store: Store, range: SegmentRange): AsyncGenerator<SegmentHeader> {
  for await (const stored of store.headers({ after: range.firstSegment - 1 })) {
    if (stored.number > range.lastSegment) return;
    const header = decodeHeader(stored.header);
    if (header.from.clusterTime > range.to) return; // within a timeline those after it begin later still
    if (mayHold(header, range)) yield header;
  }
}

/** The segments of the range, from number `from` on. The next one is read while one is worked on. */
export async function* readSegments(store: Store, range: SegmentRange, from = range.firstSegment): AsyncGenerator<ReadSegment> {
  let ahead: Promise<ReadSegment> | undefined;
  for await (const header of headersOf(store, { ...range, firstSegment: Math.max(from, range.firstSegment) })) {
    const next = readOne(store, header);
    next.catch(() => {}); // thrown where it is awaited
    if (ahead) yield await ahead;
    ahead = next;
  }
  if (ahead) yield await ahead;
}

/** The first event after the range, as far as its timeline goes. */
export async function firstAfter(store: Store, { to, ...range }: SegmentRange): Promise<Position | null> {
  for await (const { header, payload } of readSegments(store, { ...range, after: to, to: LAST_TIME })) {
    for (const event of documentsIn(payload)) {
      const position = positionOfEvent(event, header.format);
      if (position.clusterTime > to) return position;
    }
  }
  return null;
}

const LAST_TIME: ClusterTime = (1n << 64n) - 1n;

async function readOne(store: Store, header: SegmentHeader): Promise<ReadSegment> {
  const segment = await store.read(header.number);
  if (!segment) throw missing(header.number);
  return { header, payload: await readPayload(segment, header) };
}

/**
 * Proves that the segments of the range are what was stored and form a chain, before any event of them is applied. Reads each one whole:
 * `apply` reads them again, because what lies between is bounded memory.
 */
export async function verifyRange(
  store: Store,
  range: SegmentRange,
  signal: AbortSignal | undefined,
  onVerified: () => void,
): Promise<void> {
  let before: { number: number; hash: Buffer } | undefined;
  for await (const stored of store.headers({ after: range.firstSegment - 1 })) {
    if (stored.number > range.lastSegment) return;
    signal?.throwIfAborted();
    const header = decodeHeader(stored.header);
    if (header.from.clusterTime > range.to) return;
    if (before && before.number + 1 !== stored.number) throw missing(before.number + 1);
    if (before && !header.previous?.equals(before.hash)) throw damaged(stored.number, "is not chained to the segment before it");
    before = { number: stored.number, hash: stored.hash };
    if (!mayHold(header, range)) continue;
    const segment = await store.read(stored.number);
    if (!segment) throw missing(stored.number);
    checkSegment(segment, stored.hash);
    onVerified();
  }
}

function checkSegment(segment: SealedSegment, hash: Buffer): void {
  if (!hashSegment(segment.header, segment.payload).equals(segment.hash) || !segment.hash.equals(hash))
    throw damaged(segment.number, "does not have the hash it was stored with");
}

const damaged = (number: number, what: string): OplogError =>
  new OplogError("DAMAGED", `Segment ${number} ${what}`, {
    hint: "Nothing was applied. Restore the store from its own backup, or restore to a time before this segment.",
  });

const missing = (number: number): OplogError =>
  new OplogError("DAMAGED", `Segment ${number} is missing`, { hint: "Was the log pruned meanwhile? range lists what is covered." });

/** Finds an entry by its cluster time, for transactions whose first entries lie before the range. */
export function entryFinder(store: Store, range: SegmentRange): (at: ClusterTime) => Promise<Buffer | undefined> {
  let last: { number: number; payload: Buffer } | undefined;
  return async (at) => {
    for await (const header of headersOf(store, { ...range, after: at - 1n, to: at })) {
      if (last?.number !== header.number) last = { number: header.number, payload: (await readOne(store, header)).payload };
      for (const entry of documentsIn(last.payload)) if (positionOfEvent(entry, header.format).clusterTime === at) return entry;
    }
    return undefined;
  };
}
