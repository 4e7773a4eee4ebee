import assert from "node:assert/strict";
import fc from "fast-check";
import type { SealedSegment } from "../segment.js";
import type { Checkpoint, Store, StoreLocation } from "../store.js";
import type { OpenedForTest } from "./conformance.js";
import { assertStored, collect, headerOf } from "./conformance-segments.js";
import { sampleCheckpoint, sampleSegment } from "./sample-segment.js";

/** A log as the contract describes it, without a store. */
interface Model {
  segments: Map<number, SealedSegment>;
  checkpoint: Checkpoint | null;
  /** Which handles have written a checkpoint: one that has not has nothing to release. */
  wrote: Set<number>;
}

interface Real {
  location: StoreLocation;
  reopen: (() => Promise<StoreLocation>) | undefined;
  /** Two handles, as two processes have them; each writes as one writer only. */
  handles: Store[];
}

type Operation = fc.AsyncCommand<Model, Real>;

const operation = (print: string, run: (model: Model, real: Real) => Promise<void>): Operation => ({
  check: () => true,
  run,
  toString: () => print,
});

const HANDLES = [0, 1];
const handle = fc.constantFrom(...HANDLES);
const number = fc.integer({ min: 1, max: 6 });

const append = fc.tuple(handle, number, fc.nat(3)).map(([writer, at, seed]) =>
  operation(`append ${at} (content ${seed}) by ${writer}`, async (model, { handles }) => {
    const segment = sampleSegment({ number: at, payload: Buffer.alloc(seed * 30_000, seed) });
    assert.equal(await handles[writer]!.append(segment), model.segments.has(at) ? "taken" : "stored");
    if (!model.segments.has(at)) model.segments.set(at, segment);
  }),
);

const checkpoint = fc.tuple(handle, fc.nat(9), fc.boolean(), fc.boolean()).map(([writer, second, release, takeOver]) =>
  operation(
    `checkpoint ${second} by ${writer}${release ? ", a release" : ""}${takeOver ? ", taking over" : ""}`,
    async (model, { handles }) => {
      const written = sampleCheckpoint(second, release ? null : `${writer}`);
      const holder = model.checkpoint?.writer?.id;
      const mayWrite = takeOver || holder === undefined || (holder === `${writer}` && (!release || model.wrote.has(writer)));
      assert.equal(await handles[writer]!.writeCheckpoint(written, { takeOver }), mayWrite ? "stored" : "fenced");
      if (!mayWrite) return;
      model.checkpoint = written;
      if (!release) model.wrote.add(writer);
    },
  ),
);

const remove = fc.tuple(handle, fc.option(fc.nat(7), { nil: undefined, freq: 4 })).map(([by, upTo]) =>
  operation(`remove up to ${upTo ?? "the end"} by ${by}`, async (model, { handles }) => {
    await handles[by]!.remove(upTo);
    for (const at of [...model.segments.keys()]) if (upTo === undefined || at <= upTo) model.segments.delete(at);
    if (upTo === undefined) model.checkpoint = null;
  }),
);

const read = fc.tuple(handle, fc.nat(6), fc.boolean()).map(([by, after, reverse]) =>
  operation(`read ${reverse ? "backwards " : ""}after ${after} by ${by}`, async (model, { handles, location }) => {
    const log = handles[by]!;
    const segments = [...model.segments.values()]
      .filter((segment) => segment.number > after)
      .sort((a, b) => (reverse ? b.number - a.number : a.number - b.number));
    assert.deepEqual(await collect(log.headers({ after, reverse })), segments.map(headerOf));
    for (const segment of segments) await assertStored(log, segment);
    if (!model.segments.has(after)) assert.equal(await log.read(after), null);
    assert.deepEqual(await log.readCheckpoint(), model.checkpoint);
    assert.deepEqual(await location.names(), model.segments.size > 0 ? ["orders"] : []);
  }),
);

const reopen = handle.map((which) =>
  operation(`reopen ${which}`, async (model, real) => {
    const location = real.reopen ? await real.reopen() : real.location;
    const store = await location.log("orders");
    real.handles[which] = store;
    model.wrote.delete(which);
  }),
);

/** Some forty sequences reach every pair of operations many times, and take a few seconds on the slowest store. */
const RUNS = 40;

/** Throws when some sequence of operations through two handles has another outcome than in the model. */
export async function behavesLikeModel(open: () => Promise<OpenedForTest>): Promise<void> {
  await fc.assert(
    fc.asyncProperty(fc.commands([append, append, checkpoint, remove, read, read, reopen], { maxCommands: 25 }), async (operations) => {
      const place = await open();
      try {
        const handles = await Promise.all(HANDLES.map(() => place.location.log("orders")));
        const model: Model = { segments: new Map(), checkpoint: null, wrote: new Set() };
        await fc.asyncModelRun(() => ({ model, real: { location: place.location, reopen: place.reopen, handles } }), operations);
      } finally {
        await place.dispose();
      }
    }),
    { numRuns: RUNS },
  );
}
