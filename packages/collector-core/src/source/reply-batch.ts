import { BSON } from "mongodb";
import type { Batch } from "../batch.js";
import { type ClusterTime, clusterTime } from "../cluster-time.js";
import { ChangeEventScan, type EventKind } from "../event.js";
import { type Position, positionOfToken, tokenData } from "../position.js";
import { rawElement, rawElements, rawValue } from "../raw-bson.js";

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

const EMPTY_ARRAY = Buffer.from([5, 0, 0, 0, 0]);

/** `_data` is the first element of a token document: type, name with its zero, length, text. */
const TOKEN_TEXT_OFFSET = 4 + 1 + 6 + 4;

/** Makes batches of a change stream's replies: copies each event's bytes once, counts, keeps the order, joins fragments, drops what came before. */
export class ReplyReader {
  private readonly scan = new ChangeEventScan();
  /** Fragments of an event that `$changeStreamSplitLargeEvent` split, until the last one is here. */
  private fragments: Buffer[] = [];
  /** The text of the last event's token: what comes after must be greater. */
  private lastToken: Buffer;
  private lastTime: ClusterTime = 0n;

  constructor(
    private position: Position,
    private coveredTo: ClusterTime,
    /** On a sharded cluster another shard may still send an event of the same cluster time. */
    private readonly sharded: boolean,
  ) {
    this.lastToken = Buffer.from(position.token ? tokenData(position.token) : "");
  }

  /** `askedAt`: the clock when an empty reply was asked for. */
  read({ documents, postBatchToken }: CursorReply, askedAt: number): Batch {
    const count = countDocuments(documents);
    const waiting = this.fragments.reduce((sum, fragment) => sum + fragment.length, 0);
    const payload = Buffer.allocUnsafe(documents.length + waiting);
    const ends = new Uint32Array(count);
    const times = new Uint32Array(count * 2);
    const kinds: EventKind[] = [];
    const { scan } = this;
    let filled = 0;
    let wallTime = Number.NaN;
    let before: ClusterTime = 0n;
    for (let at = 4, end = documents.length - 1; at < end; ) {
      const document = documents.indexOf(0, at + 1) + 1;
      at = scan.read(documents, document);
      let event: Buffer = documents;
      let [start, stop] = [document, at];
      if (scan.splitEvent > 0) {
        const whole = this.joinFragment(Buffer.from(documents.subarray(document, at)), scan.splitEvent - document);
        if (!whole) continue;
        event = whole;
        [start, stop] = [0, scan.read(whole, 0)];
      }
      if (!this.isNewer(event, scan.tokenStart)) continue;
      event.copy(payload, filled, start, stop);
      filled += stop - start;
      const index = kinds.length;
      ends[index] = filled;
      times[index * 2] = scan.seconds;
      times[index * 2 + 1] = scan.ordinal;
      kinds.push(scan.kind);
      wallTime = scan.wallTime;
      const text = scan.tokenStart + TOKEN_TEXT_OFFSET;
      this.lastToken = event.subarray(text, text + tokenTextLength(event, scan.tokenStart));
    }
    const events = kinds.length;
    this.lastToken = Buffer.from(this.lastToken); // a copy: the reply's bytes can be let go
    if (events > 0) {
      for (let event = events - 2; event >= 0 && before === 0n; event--) {
        const time = clusterTime(times[event * 2]!, times[event * 2 + 1]!);
        if (times[event * 2] !== scan.seconds || times[event * 2 + 1] !== scan.ordinal) before = time;
      }
      const last = clusterTime(times[events * 2 - 2]!, times[events * 2 - 1]!);
      // A later cluster time has come, so the one at which the reply before ended is complete.
      if (before === 0n && this.lastTime < last) before = this.lastTime;
      this.lastTime = last;
    }
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
    // While fragments are outstanding the server's token points into the middle of an event.
    if (postBatchToken && this.fragments.length === 0) this.position = positionOfToken(postBatchToken, wall);
    else if (events > 0) {
      const token = rawValue(payload.subarray(events > 1 ? ends[events - 2]! : 0, ends[events - 1]), "_id")!;
      this.position = positionOfToken(Buffer.from(token.bytes), wall);
    }
    if (this.fragments.length > 0) this.cover(before);
    else if (!this.position.token || tokenData(this.position.token) === this.lastToken.toString("latin1"))
      this.cover(empty && !this.sharded ? this.lastTime : before);
    // A high-water mark: nothing before it is outstanding, but an event of its own cluster time may still come.
    else this.cover(this.position.clusterTime - 1n);
  }

  private cover(time: ClusterTime): void {
    if (time > this.coveredTo) this.coveredTo = time;
  }

  private isNewer(event: Buffer, tokenStart: number): boolean {
    const text = tokenStart + TOKEN_TEXT_OFFSET;
    return event.compare(this.lastToken, 0, this.lastToken.length, text, text + tokenTextLength(event, tokenStart)) > 0;
  }

  /** Collects fragments; returns the whole event with the last fragment's token once it is there. */
  private joinFragment(fragment: Buffer, splitEvent: number): Buffer | null {
    const { fragment: number, of } = BSON.deserialize(fragment.subarray(splitEvent)) as { fragment: number; of: number };
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

const tokenTextLength = (event: Buffer, tokenStart: number): number => event.readInt32LE(tokenStart + TOKEN_TEXT_OFFSET - 4) - 1;

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
    const document = array.indexOf(0, at + 1) + 1;
    at = document + array.readInt32LE(document);
  }
  return count;
}
