import fc from "fast-check";
import { expect, test } from "vitest";
import { type Batch, coveredAfter, positionAfter, startOf } from "./batch.js";
import { clusterTime } from "./cluster-time.js";
import { positionOfToken, tokenData, tokenFromData } from "./position.js";
import { element, History, highWaterToken, wrap } from "./simulation/history.js";
import { Random } from "./simulation/random.js";
import { RUN_START } from "./simulation/scenario.js";
import { ReplyReader } from "./source/reply-batch.js";

// Small values, which a failure can print; the batch is made of them.
const arbitraryCut = fc.record({ seed: fc.nat(), events: fc.integer({ min: 1, max: 30 }), cut: fc.nat(29) });

function batchOf({ seed, events, cut }: { seed: number; events: number; cut: number }) {
  const shape = { from: RUN_START, to: RUN_START + 10_000, events, sharded: false, split: false, invalidates: false };
  const history = new History(new Random(seed), shape);
  const documents = wrap(history.wire.map(({ bytes }, index) => element(0x03, String(index), bytes)));
  const reader = new ReplyReader(positionOfToken(tokenFromData(highWaterToken(history.wire[0]!.time))), 0n, false);
  const batch = reader.read({ id: 1n, documents, postBatchToken: history.wire.at(-1)!.tokenDocument }, 0);
  return { history, batch, count: 1 + (cut % batch.events) };
}

test("a batch that is cut anywhere ends at the position of its last event", () => {
  fc.assert(
    fc.property(arbitraryCut, (drawn) => {
      const { history, batch, count } = batchOf(drawn);
      expect(tokenData(positionAfter(batch, count).token!)).toBe(history.events[count - 1]!.token);
      expect(Buffer.from(batch.payload.subarray(startOf(batch, count - 1), batch.ends[count - 1]))).toEqual(
        history.events[count - 1]!.bytes,
      );
    }),
  );
});

test("a cut covers all that came before the next event's cluster time, and nothing of that time", () => {
  fc.assert(
    fc.property(arbitraryCut, (drawn) => {
      const { history, batch, count } = batchOf(drawn);
      const covered = coveredAfter(batch, count, 0n);
      expect(history.eventsUpToTime(covered)).toBeLessThanOrEqual(count);
      const next = history.events[count];
      const complete = history.events.slice(0, count).filter(({ time }) => next && time < next.time);
      if (next) expect(covered).toBe(complete.at(-1)?.time ?? 0n);
    }),
  );
});

test("a cut inside a transaction covers what was covered before it", () => {
  const times = new Uint32Array([7, 1, 7, 1, 7, 1]);
  const batch = { events: 3, times, coveredTo: clusterTime(7, 1) } as Batch;
  expect(coveredAfter(batch, 2, clusterTime(5, 9))).toBe(clusterTime(5, 9));
  expect(coveredAfter(batch, 3, clusterTime(5, 9))).toBe(clusterTime(7, 1));
  expect(coveredAfter(batch, 3, clusterTime(8, 1))).toBe(clusterTime(8, 1));
});
