import { BSON } from "mongodb";
import type { Batch } from "../batch.js";
import { type ClusterTime, clusterTime } from "../cluster-time.js";
import { ChangeEventScan, type EventKind } from "../event.js";
import { comparePositions, isEventToken, type Position, positionOfToken, tokenData } from "../position.js";
import { afterName, rawElement, rawElements, rawValue } from "../raw-bson.js";
import { LastToken } from "./last-token.js";

/** A cursor of a reply, its documents untouched. */
export interface CursorReply {
  id: bigint;
  /** The array of documents: BSON bytes. */
  documents: Buffer;
  postBatchToken: Buffer | null;
}

/** Reads the raw `cursor` field of an `aggregate` or `getMore` reply. */
export function readCursorReply(cursor: Buffer): CursorReply {
  const reply: CursorReply = { id: 0n, documents: EMPTY_ARRAY, postBatchToken: null };
  for (const { name, valueStart, end } of rawElements(cursor)) {
    if (name === "id") reply.id = cursor.readBigInt64LE(valueStart);
    else if (name === "firstBatch" || name === "nextBatch") reply.documents = cursor.subarray(valueStart, end);
    else if (name === "postBatchResumeToken") reply.postBatchToken = Buffer.from(cursor.subarray(valueStart, end));
  }
  return reply;
}

export const holdsDocuments = ({ documents }: CursorReply): boolean => documents.length > EMPTY_ARRAY.length;

const EMPTY_ARRAY = Buffer.from([5, 0, 0, 0, 0]);

/** Makes batches of a change stream's replies: moves the events' bytes together, counts, keeps the order, joins fragments, drops what came before. */
export class ReplyReader {
  private readonly scan = new ChangeEventScan();
  /** Fragments of an event that `$changeStreamSplitLargeEvent` split, until the last one is here. */
  private fragments: Buffer[] = [];
  private readonly lastToken: LastToken;
  private lastTime: ClusterTime = 0n;

  constructor(
    private position: Position,
    private coveredTo: ClusterTime,
    /** On a sharded cluster another shard may still send an event of the same cluster time. */
    private readonly sharded: boolean,
  ) {
    const token = position.token ? tokenData(position.token) : "";
    this.lastToken = new LastToken(token);
    // Resumed after an event: an empty reply then tells that its cluster time is complete.
    if (isEventToken(token)) this.lastTime = position.clusterTime;
  }

  /** Takes the reply's documents over: they are moved in place. `askedAt`: the clock when an empty reply was asked for. */
  read({ documents, postBatchToken }: CursorReply, askedAt: number): Batch {
    const count = countDocuments(documents);
    const ends = new Uint32Array(count);
    const times = new Uint32Array(count * 2);
    const kinds: EventKind[] = [];
    const { scan } = this;
    let payload = documents;
    let filled = 0;
    let wallTime = Number.NaN;
    for (let at = 4, end = documents.length - 1; at < end; ) {
      let event = documents;
      let start = afterName(documents, at);
      at = scan.read(documents, start);
      let stop = at;
      if (scan.splitEvent > 0) {
        const whole = this.joinFragment(Buffer.from(documents.subarray(start, stop)), scan.splitEvent - start);
        if (!whole) continue;
        event = whole;
        start = 0;
        stop = scan.read(whole, 0);
        this.lastToken.keep();
        payload = grown(payload, filled, whole.length + documents.length - at);
      }
      if (!this.lastToken.isBefore(event, scan.tokenStart)) continue;
      // Mostly in place, and never forward: the array's own element names are left out.
      if (event === payload) payload.copyWithin(filled, start, stop);
      else event.copy(payload, filled, start, stop);
      this.lastToken.set(payload, scan.tokenStart - start + filled);
      filled += stop - start;
      const index = kinds.push(scan.kind) - 1;
      ends[index] = filled;
      times[index * 2] = scan.seconds;
      times[index * 2 + 1] = scan.ordinal;
      wallTime = scan.wallTime;
    }
    this.lastToken.keep();
    const events = kinds.length;
    const before = events > 0 ? this.timeBeforeLast(times, events) : 0n;
    this.advance(events, postBatchToken, payload.subarray(0, filled), ends, wallTime, before, count === 0);
    return {
      format: "change-event",
      events,
      payload: payload.subarray(0, filled),
      ends: events === count ? ends : ends.subarray(0, events),
      times: events === count ? times : times.subarray(0, events * 2),
      kinds,
      position: this.position,
      coveredTo: this.coveredTo,
      currentTo: count === 0 ? askedAt : Number.isNaN(wallTime) ? 0 : wallTime,
      caughtUp: count === 0,
    };
  }

  /** The cluster time before that of the last event; 0 when the stream has shown only one. */
  private timeBeforeLast(times: Uint32Array, events: number): ClusterTime {
    const timeAt = (event: number) => clusterTime(times[event * 2]!, times[event * 2 + 1]!);
    const last = timeAt(events - 1);
    let event = events - 2;
    while (event >= 0 && times[event * 2] === times[events * 2 - 2] && times[event * 2 + 1] === times[events * 2 - 1]) event--;
    // When all of the reply is of one time: that at which the reply before ended, if it is another.
    const before = event >= 0 ? timeAt(event) : this.lastTime < last ? this.lastTime : 0n;
    this.lastTime = last;
    return before;
  }

  /** The rule of coverage: a cluster time is complete once the stream has shown something later, or had nothing more to show. */
  private advance(
    events: number,
    postBatchToken: Buffer | null,
    payload: Buffer,
    ends: Uint32Array,
    wallTime: number,
    before: ClusterTime,
    empty: boolean,
  ): void {
    const wall = events > 0 ? new Date(wallTime) : this.position.wallTime;
    // While fragments are outstanding the server's token points into the middle of an event; when all was dropped it may be behind our position.
    if (postBatchToken && this.fragments.length === 0) {
      const position = positionOfToken(postBatchToken, wall);
      if (comparePositions(position, this.position) >= 0) this.position = position;
    } else if (events > 0) {
      const token = rawValue(payload.subarray(events > 1 ? ends[events - 2]! : 0, ends[events - 1]), "_id")!;
      this.position = positionOfToken(Buffer.from(token.bytes), wall);
    }
    if (this.fragments.length > 0) this.cover(before);
    else if (!this.position.token || tokenData(this.position.token) === this.lastToken.text)
      this.cover(empty && !this.sharded ? this.lastTime : before);
    // A high-water mark: nothing before it is outstanding, but an event of its own cluster time may still come.
    else this.cover(this.position.clusterTime - 1n);
  }

  private cover(time: ClusterTime): void {
    if (time > this.coveredTo) this.coveredTo = time;
  }

  /** Collects fragments; returns the whole event with the last fragment's token once it is there. */
  private joinFragment(fragment: Buffer, splitEvent: number): Buffer | null {
    const counts = fragment.subarray(splitEvent, splitEvent + fragment.readInt32LE(splitEvent));
    const { fragment: number, of } = BSON.deserialize(counts) as { fragment: number; of: number };
    if (number === 1) this.fragments = [];
    this.fragments.push(fragment);
    if (this.fragments.length !== number)
      throw new RangeError(`Fragment ${number} of ${of} of a large event came after fragment ${this.fragments.length - 1}`);
    if (number < of) return null;
    const token = rawElement(fragment, "_id")!;
    const parts = [fragment.subarray(token.start, token.end)];
    for (const one of this.fragments)
      for (const { name, start, end } of rawElements(one))
        if (name !== "_id" && name !== "splitEvent") parts.push(one.subarray(start, end));
    this.fragments = [];
    return wrapDocument(parts);
  }
}

/** A copy of the first bytes, with room for more. */
function grown(bytes: Buffer, filled: number, more: number): Buffer {
  const larger = Buffer.allocUnsafe(filled + more);
  bytes.copy(larger, 0, 0, filled);
  return larger;
}

/** A document of elements' bytes. */
function wrapDocument(elements: Buffer[]): Buffer {
  const length = elements.reduce((sum, element) => sum + element.length, 5);
  const head = Buffer.alloc(4);
  head.writeInt32LE(length);
  return Buffer.concat([head, ...elements, Buffer.from([0])], length);
}

function countDocuments(array: Buffer): number {
  let count = 0;
  for (let at = 4, end = array.length - 1; at < end; count++) {
    const document = afterName(array, at);
    at = document + array.readInt32LE(document);
  }
  return count;
}
