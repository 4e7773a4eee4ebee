import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Batch, startOf } from "../batch.js";
import { secondsOf } from "../cluster-time.js";
import { positionOfToken, tokenData, tokenFromData } from "../position.js";
import { element, History, highWaterToken, type WireDocument, wrap } from "../simulation/history.js";
import { Random } from "../simulation/random.js";
import { RUN_START } from "../simulation/scenario.js";
import { type CursorReply, ReplyReader } from "./reply-batch.js";

const shape = { from: RUN_START, to: RUN_START + 60_000, sharded: false, split: true, invalidates: false };

// Small values, which a failure can print; the history is made of them.
const arbitraryShape = fc.record({ seed: fc.nat(), events: fc.integer({ min: 1, max: 40 }), sharded: fc.boolean() });

const historyOf = ({ seed, ...fields }: { seed: number; events: number; sharded: boolean }) =>
  new History(new Random(seed), { ...shape, ...fields });

/** How many documents each reply holds, over and over; a reply may be empty. */
const arbitraryCuts = fc.array(fc.nat(9), { minLength: 1, maxLength: 8 }).filter((cuts) => cuts.some((cut) => cut > 0));

const reply = (documents: readonly WireDocument[], postBatchToken: Buffer): CursorReply => ({
  id: 1n,
  documents: wrap(documents.map(({ bytes }, index) => element(0x03, String(index), bytes))),
  postBatchToken,
});

const positionBefore = (history: History) => positionOfToken(tokenFromData(highWaterToken(history.wire[0]!.time)));

/** The replies to the documents from the first on, cut so. No reply is empty in the midst of what shares a cluster time, as no server's is. */
function* repliesOf(wire: readonly WireDocument[], cuts: readonly number[]): Generator<CursorReply> {
  let token = wire[0]!.tokenDocument;
  for (let at = 0, turn = 0; at < wire.length; turn++) {
    const isInside = at > 0 && wire[at - 1]!.time === wire[at]!.time;
    const documents = wire.slice(at, at + Math.max(cuts[turn % cuts.length]!, isInside ? 1 : 0));
    if (at === 0 && documents.length === 0) continue;
    at += documents.length;
    token = documents.at(-1)?.tokenDocument ?? token;
    yield reply(documents, token);
  }
}

const eventsOf = (batch: Batch): Buffer[] =>
  Array.from({ length: batch.events }, (_, event) => Buffer.from(batch.payload.subarray(startOf(batch, event), batch.ends[event])));

describe("however the server cuts its replies", () => {
  test("each event comes once, in order, byte for byte, and fragments come joined", () => {
    fc.assert(
      fc.property(arbitraryShape, arbitraryCuts, (drawn, cuts) => {
        const { sharded } = drawn;
        const history = historyOf(drawn);
        const reader = new ReplyReader(positionBefore(history), 0n, sharded);
        const read = [...repliesOf(history.wire, cuts)].flatMap((one) => eventsOf(reader.read(one, 0)));
        expect(read).toEqual(history.events.map(({ bytes }) => bytes));
      }),
    );
  });

  test("a reader that is resumed anywhere drops what is at or before its position, and never goes back", () => {
    fc.assert(
      fc.property(arbitraryShape, arbitraryCuts, fc.nat(), (drawn, cuts, where) => {
        const { sharded } = drawn;
        const history = historyOf(drawn);
        const last = where % history.events.length;
        const { token } = history.events[last]!;
        const position = positionOfToken(tokenFromData(token));
        const reader = new ReplyReader(position, 0n, sharded);
        const read: Buffer[] = [];
        // Opened by cluster time: all of that time comes once more.
        const again = history.wire.filter(({ time }) => time >= position.clusterTime);
        for (const one of repliesOf(again, cuts)) {
          const batch = reader.read(one, 0);
          read.push(...eventsOf(batch));
          expect(tokenData(batch.position.token!) >= token).toBe(true);
        }
        expect(read).toEqual(history.events.slice(last + 1).map(({ bytes }) => bytes));
      }),
    );
  });

  test("a cluster time is covered only when none of its events is still to come", () => {
    fc.assert(
      fc.property(arbitraryShape, arbitraryCuts, (drawn, cuts) => {
        const { sharded } = drawn;
        const history = historyOf(drawn);
        const reader = new ReplyReader(positionBefore(history), 0n, sharded);
        let read = 0;
        let covered = 0n;
        for (const one of repliesOf(history.wire, cuts)) {
          const batch = reader.read(one, 0);
          read += batch.events;
          expect(batch.coveredTo >= covered).toBe(true);
          covered = batch.coveredTo;
          expect(history.eventsUpToTime(covered)).toBeLessThanOrEqual(read);
        }
      }),
    );
  });

  test("times and kinds of the events are those of their envelopes", () => {
    fc.assert(
      fc.property(arbitraryShape, arbitraryCuts, (drawn, cuts) => {
        const { sharded } = drawn;
        const history = historyOf(drawn);
        const reader = new ReplyReader(positionBefore(history), 0n, sharded);
        let event = 0;
        for (const one of repliesOf(history.wire, cuts)) {
          const { events, times, kinds } = reader.read(one, 0);
          expect(kinds.length).toBe(events);
          for (let index = 0; index < events; index++) expect(times[index * 2]).toBe(secondsOf(history.events[event++]!.time));
        }
      }),
      { numRuns: 30 },
    );
  });
});

describe("what is covered", () => {
  /** Two events of one cluster time, and one of a later. */
  const history = (() => {
    for (let seed = 0; ; seed++) {
      const made = new History(new Random(seed), { ...shape, events: 12, split: false });
      const first = made.events.findIndex(
        ({ time }, index) => time === made.events[index + 1]?.time && time !== made.events[index + 2]?.time,
      );
      if (first >= 0 && made.events[first + 2]) return { wire: made.wire.slice(first, first + 3) };
    }
  })();
  const [first, second, later] = history.wire as [WireDocument, WireDocument, WireDocument];
  const readerOf = (sharded: boolean) => new ReplyReader(positionOfToken(tokenFromData(highWaterToken(first.time))), 0n, sharded);
  const coveredAfter = (sharded: boolean, ...replies: CursorReply[]) => {
    const reader = readerOf(sharded);
    return replies.map((one) => reader.read(one, 0).coveredTo).at(-1);
  };
  const both = () => reply([first, second], second.tokenDocument); // a new one each time: the reader moves a reply's bytes
  const nothing = reply([], second.tokenDocument);

  test("not the newest event's time, as another event of it may follow", () => {
    expect(coveredAfter(false, both())).toBeLessThan(first.time);
  });
  test("that time, once the server has nothing more to show", () => {
    expect(coveredAfter(false, both(), nothing)).toBe(first.time);
  });
  test("on a sharded cluster not even then: another shard may still send an event of that time", () => {
    expect(coveredAfter(true, both(), nothing)).toBeLessThan(first.time);
  });
  test("that time, once an event of a later one has come", () => {
    expect(coveredAfter(true, both(), reply([later], later.tokenDocument))).toBe(first.time);
  });
  test("all before a high-water mark, and not the mark's own time", () => {
    const mark = tokenFromData(highWaterToken(later.time));
    expect(coveredAfter(true, both(), reply([], mark))).toBe(later.time - 1n);
  });
});

test("fragments that do not follow one another are refused", () => {
  const { wire } = new History(new Random(5), { ...shape, events: 60 });
  const lastFragment = wire.findIndex(
    ({ time, token }, index) => index > 0 && token.startsWith(wire[index - 1]!.token.slice(0, -2)) && time === wire[index - 1]!.time,
  );
  expect(lastFragment).toBeGreaterThan(0);
  const reader = new ReplyReader(positionOfToken(tokenFromData(highWaterToken(wire[0]!.time))), 0n, false);
  expect(() => reader.read(reply([wire[lastFragment]!], wire[lastFragment]!.tokenDocument), 0)).toThrow(/came after fragment/);
});
