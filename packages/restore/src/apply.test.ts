import { ChangeStreamSource, type ClusterTime, captureSource, isOplogError, type OplogErrorCode } from "@oplog-collector/collector-core";
import { Double, Long, Timestamp } from "mongodb";
import { describe, expect, test } from "vitest";
import { type ApplyOptions, apply, planOf } from "./apply.js";
import { DdlLoad, seededRandom } from "./chaos/ddl-load.js";
import { differences, readState } from "./chaos/deployment-state.js";
import { RecordedLog } from "./chaos/recorded-log.js";
import { SourceAndTarget } from "./chaos/source-and-target.js";
import { Progress } from "./progress.js";
import { TargetTerm } from "./target-term.js";

const two = SourceAndTarget.forTests("apply");

const failsWith = (code: OplogErrorCode) => expect.objectContaining({ code });

/** Records what `work` does on the source; answers with what to ask of `apply`. */
async function recorded(
  work: () => Promise<unknown>,
  options: Parameters<typeof RecordedLog.of>[2] = {},
): Promise<{ request: ApplyOptions; log: RecordedLog }> {
  const log = await RecordedLog.of(two.sourceSet.uri, "test", options);
  const after = await log.caughtUp();
  await work();
  const to = await log.caughtUp();
  return { log, request: { store: log.log, log: log.name, target: two.targetSet.uri, after, to } };
}

const same = async () => expect(differences(await readState(two.source), await readState(two.target))).toEqual([]);

const CAPTURES = {
  "change stream": () => new ChangeStreamSource({ uri: two.sourceSet.uri }),
  oplog: () => captureSource({ uri: two.sourceSet.uri, mode: "oplog" }),
};

/** Printed when it fails, and given to repeat it. */
const SEED = Number(process.env.CHAOS_SEED) || Math.floor(Math.random() * 1_000_000);

describe.each(Object.entries(CAPTURES))("from the %s", (_, capture) => {
  test(`a load full of DDL and transactions, applied in pieces (seed ${SEED})`, async () => {
    const random = seededRandom(SEED);
    await using log = await RecordedLog.of(two.sourceSet.uri, "test", { capture: capture(), segmentEvents: 50 });
    let after = await log.caughtUp();
    await using load = new DdlLoad(two.sourceSet.uri, random);
    for (let piece = 0; piece < 3; piece++) {
      for (let step = 0; step < 150; step++) await load.step(true);
      const to: ClusterTime = await log.caughtUp();
      await apply({ store: log.log, log: log.name, target: two.targetSet.uri, after, to });
      expect(differences(await readState(two.source), await readState(two.target)), `seed ${SEED}, piece ${piece}`).toEqual([]);
      after = to;
    }
  });
});

test("what no driver's object can hold, and what inserts and replacements would change, arrives as it was", async () => {
  const { log, request } = await recorded(async () => {
    const documents = two.source.db("shop").collection<{ _id: number }>("documents");
    await documents.insertMany([
      { _id: 1, stamp: new Timestamp(0n), inner: { stamp: new Timestamp(0n) } } as never,
      { _id: 2, n: new Double(1), long: Long.fromNumber(1) } as never,
      { _id: 3, "a.b": 1, $price: 2, "": 3 } as never,
      new Map<string, unknown>([
        ["_id", 4],
        ["b", 1],
        ["10", 2],
        ["9", 3],
      ]) as never,
    ]);
    await documents.updateOne({ _id: 1 }, [{ $replaceWith: { _id: 1, stamp: { $literal: new Timestamp(0n) }, replaced: true } }]);
    await documents.updateOne({ _id: 3 }, [{ $replaceWith: { $setField: { field: { $literal: "$price" }, input: "$$ROOT", value: 9 } } }]);
    await documents.updateOne({ _id: 3 }, [{ $replaceWith: { $setField: { field: "a.b", input: "$$ROOT", value: [1, 2] } } }]);
    await documents.updateOne({ _id: 4 }, { $set: { 8: 1, 11: 1, z: 1, y: 2 } });
    await documents.updateOne({ _id: 4 }, [{ $replaceWith: { $mergeObjects: [{ y: 0 }, "$$ROOT", { b: 2 }] } }]);
  });
  await using _ = log;
  await apply(request);
  await same();
});

test("documents of a unique index change hands in the order of the log, also when all is applied at once", async () => {
  const { log, request } = await recorded(async () => {
    const seats = two.source.db("shop").collection<{ _id: number }>("seats");
    await seats.createIndex({ seat: 1 }, { unique: true });
    await seats.insertMany(Array.from({ length: 20 }, (_, n) => ({ _id: n, seat: `s${n}` })));
    for (let round = 0; round < 15; round++) {
      const [a, b] = [round % 20, (round * 7 + 3) % 20];
      if (a === b) continue;
      const [first, second] = [await seats.findOne({ _id: a }), await seats.findOne({ _id: b })];
      await seats.deleteOne({ _id: a });
      await seats.updateOne({ _id: b }, { $set: { seat: (first as unknown as { seat: string }).seat } });
      await seats.insertOne({ _id: a, seat: (second as unknown as { seat: string }).seat } as never);
    }
  });
  await using _ = log;
  await apply(request);
  await same();
});

test("numbers of any type are one _id: the document they name keeps its changes in order", async () => {
  const { log, request } = await recorded(async () => {
    const documents = two.source.db("shop").collection<{ _id: unknown }>("numbers");
    for (let round = 0; round < 30; round++) {
      const ids = [5, new Double(5), Long.fromNumber(5), { a: 5 }, { a: new Double(5) }];
      await documents.insertOne({ _id: ids[round % 3], round } as never);
      await documents.updateOne({ _id: ids[(round + 1) % 3] } as never, { $set: { seen: round } });
      await documents.deleteOne({ _id: ids[(round + 2) % 3] } as never);
      await documents.insertOne({ _id: ids[3 + (round % 2)], round } as never);
      await documents.deleteOne({ _id: ids[3 + ((round + 1) % 2)] } as never);
    }
    await documents.insertOne({ _id: new Double(5), last: true } as never);
  });
  await using _ = log;
  await apply(request);
  await same();
});

describe("documented updates alone", () => {
  /** As on servers that refuse the options that make change streams exact. */
  const documented = () => Object.assign(new ChangeStreamSource({ uri: two.sourceSet.uri }), { accepted: { exact: false, split: false } });

  test("paths and field names with dots are told apart by the document; new fields keep their order", async () => {
    const { log, request } = await recorded(
      async () => {
        const documents = two.source.db("shop").collection<{ _id: number }>("documents");
        await documents.insertMany([
          { _id: 1, a: { b: 1, c: [1, 2, { d: 1 }] }, list: [1, 2, 3, 4, 5, 6, 7, 8] } as never,
          { _id: 2, "a.b": 1, x: { "0": 1 } } as never,
        ]);
        await documents.updateOne({ _id: 1 }, { $set: { "a.b": 2, "a.c.2.d": 5, z: 1, y: 2 }, $unset: { "a.c.0": 1 } });
        await documents.updateOne({ _id: 1 }, [{ $set: { list: { $slice: ["$list", 3] } } }]);
        await documents.updateOne({ _id: 1 }, [{ $set: { zz: 1, mm: 2, aa: 3 } }]);
        await documents.updateOne({ _id: 2 }, [{ $replaceWith: { $setField: { field: "a.b", input: "$$ROOT", value: 7 } } }]);
        await documents.updateOne({ _id: 2 }, { $set: { "x.0": 9 } });
      },
      { capture: documented() },
    );
    await using _ = log;
    expect((await apply(request)).notes).toEqual([]);
    await same();
  });

  test("a path that can mean two things is reported", async () => {
    const { log, request } = await recorded(
      async () => {
        const documents = two.source.db("shop").collection<{ _id: number }>("documents");
        await documents.insertOne({ _id: 1, a: { b: 1 }, "a.b": 1 } as never);
        await documents.updateOne({ _id: 1 }, { $set: { "a.b": 2 } });
      },
      { capture: documented() },
    );
    await using _ = log;
    expect((await apply(request)).notes).toEqual([expect.stringMatching(/shop\.documents.*"a\.b"/)]);
    await same();
  });
});

describe("filters and renames", () => {
  const work = async () => {
    const session = two.source.startSession();
    const [orders, items] = [
      two.source.db("shop").collection<{ _id: number }>("orders"),
      two.source.db("shop").collection<{ _id: number }>("items"),
    ];
    await orders.insertOne({ _id: 1 });
    await items.insertOne({ _id: 1 });
    await session.withTransaction(async () => {
      await orders.insertOne({ _id: 2 }, { session });
      await items.insertOne({ _id: 2 }, { session });
    });
    await session.endSession();
    await two.source.db("stock").collection<{ _id: number }>("parts").insertOne({ _id: 1 });
    await two.source.db("shop").createCollection("readings", { timeseries: { timeField: "at" } });
    await two.source
      .db("shop")
      .collection("readings")
      .insertOne({ at: new Date(1.7e12), value: 1 });
    await two.source.db("shop").createCollection("big", { viewOn: "orders", pipeline: [] });
    await orders.aggregate([{ $out: "copies" }]).toArray();
  };
  const names = async (db: string) =>
    (await two.target.db(db).listCollections({}, { nameOnly: true }).toArray()).map(({ name }) => name).sort();

  test("a transaction that a filter cuts is reported; the rest is left out and counted", async () => {
    const { log, request } = await recorded(work);
    await using _ = log;
    const report = await apply({ ...request, ns: ["shop.orders"] });
    expect(await names("shop")).toEqual(["orders"]);
    expect(report.cutTransactions).toMatchObject({ count: 1, first: [{ applied: 1, leftOut: 1 }] });
    expect(report.skipped).toContainEqual(expect.objectContaining({ why: "left out by --ns" }));
    expect((await planOf({ ...request, ns: ["shop.orders"] })).skipped).toContainEqual(
      expect.objectContaining({ namespace: "stock.parts", operation: "insert", events: 1 }),
    );
  });

  test("what a rename brings into a wanted name is not left out", async () => {
    const { log, request } = await recorded(work);
    await using _ = log;
    await apply({ ...request, ns: ["shop.copies"] });
    expect(await names("shop")).toEqual(["copies"]);
    expect(await two.target.db("shop").collection("copies").countDocuments()).toBe(2);
  });

  test("a database and a collection under other names, with their views and time series", async () => {
    const { log, request } = await recorded(work);
    await using _ = log;
    await apply({ ...request, renames: ["shop=store", "shop.orders=store.sales", "shop.readings=store.measures"] });
    expect(await names("shop")).toEqual([]);
    expect(await names("store")).toEqual(["big", "copies", "items", "measures", "sales", "system.buckets.measures", "system.views"]);
    expect(await two.target.db("store").collection("big").countDocuments()).toBe(2);
    expect(await two.target.db("store").collection("measures").countDocuments()).toBe(1);
    expect(await names("stock")).toEqual(["parts"]);
  });
});

test("before anything is applied: a damaged segment, or a range that the log does not cover, refuses the whole", async () => {
  const { log, request } = await recorded(
    () =>
      two.source
        .db("shop")
        .collection("orders")
        .insertMany(Array.from({ length: 200 }, (_, n) => ({ n }))),
    {
      segmentEvents: 50,
    },
  );
  await using _ = log;
  const damaged = {
    ...log.log,
    headers: log.log.headers.bind(log.log),
    readCheckpoint: log.log.readCheckpoint.bind(log.log),
    read: async (number: number) => {
      const segment = await log.log.read(number);
      if (segment && number === 5) segment.payload[segment.payload.length >> 1]! ^= 1;
      return segment;
    },
  };
  await expect(apply({ ...request, store: damaged })).rejects.toEqual(failsWith("DAMAGED"));
  await expect(apply({ ...request, to: request.to + (1n << 40n) })).rejects.toEqual(failsWith("OUTSIDE_COVERAGE"));
  expect(await readState(two.target)).toEqual({});
});

test("the TTL monitor is off while events are applied and as it was afterwards, also when the apply fails", async () => {
  const monitor = async () => (await two.target.db("admin").command({ getParameter: 1, ttlMonitorEnabled: 1 })).ttlMonitorEnabled;
  const { log, request } = await recorded(() => two.source.db("shop").collection<{ _id: number }>("orders").insertOne({ _id: 1 }));
  await using _ = log;
  const seen: boolean[] = [];
  const look = {
    until: request.to,
    decide: () => {
      monitor().then((on) => seen.push(on));
      return "forward" as const;
    },
  };
  await apply({ ...request, base: look });
  expect(seen).toContain(false);
  expect(seen).not.toContain(true);
  expect(await monitor()).toBe(true);
  await expect(apply(request)).rejects.toEqual(failsWith("APPLY_FAILED"));
  expect(await monitor()).toBe(true);
});

test("an update whose document is not there names its place in the log", async () => {
  const orders = two.source.db("shop").collection<{ _id: number }>("orders");
  await orders.insertOne({ _id: 1 });
  const { log, request } = await recorded(() => orders.updateOne({ _id: 1 }, { $set: { n: 1 } }));
  await using _ = log;
  const error = await apply(request).catch((failure: unknown) => failure);
  expect(error).toEqual(failsWith("APPLY_FAILED"));
  expect(isOplogError(error) && error.message).toMatch(/update on shop\.orders at \d+,\d+ \(segment \d+\).*not there/);
});

test("only one apply runs on a target", async () => {
  const { log, request } = await recorded(() => two.source.db("shop").collection("orders").insertOne({ n: 1 }));
  await using _ = log;
  {
    await using _other = await Progress.open(two.target, "another", false, new TargetTerm());
    await expect(apply(request)).rejects.toEqual(failsWith("FENCED"));
  }
  await apply(request);
  await same();
});

test(`interrupted again and again, it comes to the same end (seed ${SEED})`, async () => {
  const random = seededRandom(SEED);
  await using log = await RecordedLog.of(two.sourceSet.uri, "test", { segmentEvents: 10 });
  const after = await log.caughtUp();
  await using load = new DdlLoad(two.sourceSet.uri, random);
  for (let step = 0; step < 400; step++) await load.step(true);
  const request: ApplyOptions = { store: log.log, log: log.name, target: two.targetSet.uri, after, to: await log.caughtUp() };
  let interruptions = 0;
  for (let resume = false; ; resume = true) {
    const stop = new AbortController();
    // Only what is done after this many more segments was the work of this run.
    let left = 1 + Math.floor(random() * 8);
    const onProgress: ApplyOptions["onProgress"] = ({ phase }) => {
      if (phase === "applying" && --left === 0) stop.abort();
    };
    try {
      await apply({ ...request, resume, signal: interruptions < 12 ? stop.signal : undefined, onProgress });
      break;
    } catch (error) {
      if (!stop.signal.aborted || isOplogError(error)) throw error;
      interruptions++;
    }
  }
  expect(interruptions).toBeGreaterThan(3);
  expect(differences(await readState(two.source), await readState(two.target)), `seed ${SEED}, ${interruptions} interruptions`).toEqual([]);
  await expect(apply({ ...request, resume: true })).rejects.toEqual(failsWith("BAD_INPUT"));
});
