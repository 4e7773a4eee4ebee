import fc from "fast-check";
import { BSON, type Document, Long, Timestamp } from "mongodb";
import { describe, expect, test } from "vitest";
import { clusterTime } from "./cluster-time.js";
import { OplogEntryScan } from "./oplog-entry.js";

const bytesOf = (entry: Document): Buffer => Buffer.from(BSON.serialize(entry, { ignoreUndefined: true }));

const NO_OP_TIME = { ts: new Timestamp({ t: 0, i: 0 }), t: Long.NEG_ONE };
const opTime = (t: number, i: number) => ({ ts: new Timestamp({ t, i }), t: Long.ONE });

const entry = (fields: Document, rest: Document = {}): Document => ({
  ...fields,
  ts: new Timestamp({ t: 1_795_356_656, i: 17 }),
  t: Long.ONE,
  v: Long.fromNumber(2),
  wall: new Date("2026-11-22T14:10:56.789Z"),
  ...rest,
});

function scan(fields: Document, rest?: Document): OplogEntryScan {
  const one = new OplogEntryScan();
  const bytes = bytesOf(entry(fields, rest));
  expect(one.read(bytes, 0)).toBe(bytes.length);
  return one;
}

test("time, wall time and where the next entry starts are read", () => {
  const first = bytesOf(entry({ op: "i", ns: "shop.orders", o: { _id: 1 } }));
  const second = bytesOf(
    entry({ op: "d", ns: "shop.orders", o: { _id: 1 } }, { ts: new Timestamp({ t: 4_294_967_295, i: 4_294_967_295 }) }),
  );
  const both = Buffer.concat([Buffer.from("xyz"), first, second]);
  const one = new OplogEntryScan();
  const next = one.read(both, 3);
  expect(next).toBe(3 + first.length);
  expect([one.clusterTime, one.wallTime]).toEqual([clusterTime(1_795_356_656, 17), Date.parse("2026-11-22T14:10:56.789Z")]);
  expect(one.read(both, next)).toBe(both.length);
  expect(one.clusterTime).toBe(clusterTime(4_294_967_295, 4_294_967_295));
});

test("an entry without a wall time says so, also after one that had it", () => {
  const one = new OplogEntryScan();
  one.read(bytesOf(entry({ op: "i", ns: "a.b", o: {} })), 0);
  one.read(bytesOf(entry({ op: "i", ns: "a.b", o: {} }, { wall: undefined })), 0);
  expect(one.wallTime).toBeNaN();
});

test("names that look alike are told apart", () => {
  // o2 before op, a lsid whose document has an `op`, a document with every name of an envelope.
  const trap = { op: "d", ns: "no.no", ts: new Timestamp({ t: 1, i: 1 }), wall: new Date(0), o: { op: "c" } };
  const one = scan({ lsid: trap, txnNumber: Long.ONE, o2: trap, op: "i", ns: "shop.orders", ui: new BSON.UUID(), o: trap, stmtId: 0 });
  expect(one.kind).toEqual({ operation: "insert", namespace: "shop.orders" });
  expect(one.clusterTime).toBe(clusterTime(1_795_356_656, 17));
});

test.each([
  ["i", { _id: 1 }, "insert"],
  ["u", { $v: 2, diff: { u: { a: 1 } } }, "update"],
  ["u", { $v: 1, $set: { a: 1 } }, "update"],
  ["u", { _id: 1, $v: 2 }, "replace"],
  ["u", {}, "replace"],
  ["d", { _id: 1 }, "delete"],
  ["n", { msg: "periodic noop" }, "noop"],
  ["xi", { a: 1 }, "xi"],
])("op %s with %j counts as %s", (op, o, operation) => {
  expect(scan({ op, ns: "shop.orders", o }).kind).toEqual({ operation, namespace: "shop.orders" });
});

test.each([
  [{ create: "orders", capped: true }, "create", "shop.orders"],
  [{ drop: "system.buckets.t" }, "drop", "shop.system.buckets.t"],
  [{ dropDatabase: 1 }, "dropDatabase", "shop"],
  [{ renameCollection: "shop.a", to: "other.b" }, "renameCollection", "shop.a"],
  [{ commitIndexBuild: "orders", indexes: [] }, "commitIndexBuild", "shop.orders"],
  [{ collMod: "x.y.z" }, "collMod", "shop.x.y.z"],
  [{ applyOps: [] }, "applyOps", "shop.$cmd"],
])("the command %j is %s on %s", (o, operation, namespace) => {
  expect(scan({ op: "c", ns: "shop.$cmd", o }).kind).toEqual({ operation, namespace });
});

test("of the same kind there is one object, and different kinds are never taken for one another", () => {
  const name = fc.oneof(fc.string({ minLength: 1, maxLength: 12 }), fc.constantFrom("a", "aa", "ab", "ba", "ä", "orders", "order5"));
  const write = fc.record({
    op: fc.constantFrom("i", "u", "d", "n"),
    ns: fc.tuple(name, name).map(([db, coll]) => `${db}.${coll}`.replaceAll("\0", "_")),
    diff: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(write, { maxLength: 200 }), (writes) => {
      const one = new OplogEntryScan();
      const kinds = new Map<string, unknown>();
      for (const { op, ns, diff } of writes) {
        one.read(bytesOf(entry({ op, ns, o: diff ? { $v: 2 } : { _id: 1 } })), 0);
        const operation = { i: "insert", d: "delete", n: "noop", u: diff ? "update" : "replace" }[op];
        expect(one.kind).toEqual({ operation, namespace: ns });
        const key = `${operation} ${ns}`;
        expect(one.kind).toBe(kinds.get(key) ?? one.kind);
        kinds.set(key, one.kind);
      }
    }),
    { numRuns: 200 },
  );
});

test("what is not an oplog entry is refused", () => {
  const one = new OplogEntryScan();
  expect(() => one.read(bytesOf({ _id: 1, a: 2 }), 0)).toThrow(TypeError);
});

describe("what an entry says of its transaction", () => {
  const link = (o: Document, prevOpTime?: Document) =>
    scan({ op: "c", ns: "admin.$cmd", o }, { ...(prevOpTime && { prevOpTime }) }).transaction;

  test("writes, DDL, and an applyOps that is complete in itself belong to none", () => {
    expect(scan({ op: "i", ns: "a.b", o: {} }, { prevOpTime: opTime(5, 1) }).transaction).toBeNull();
    expect(link({ create: "c" }, opTime(5, 1))).toBeNull();
    expect(link({ applyOps: [] })).toBeNull();
    expect(link({ applyOps: [] }, NO_OP_TIME)).toBeNull();
  });
  test("parts, prepare, commit and abort name the entry before them", () => {
    expect(link({ applyOps: [], partialTxn: true }, NO_OP_TIME)).toEqual({ previous: 0n, open: true, command: "applyOps" });
    expect(link({ applyOps: [], partialTxn: true }, opTime(5, 1))).toEqual({
      previous: clusterTime(5, 1),
      open: true,
      command: "applyOps",
    });
    expect(link({ applyOps: [], count: 3 }, opTime(5, 2))).toEqual({ previous: clusterTime(5, 2), open: false, command: "applyOps" });
    expect(link({ applyOps: [], prepare: true }, NO_OP_TIME)).toEqual({ previous: 0n, open: true, command: "applyOps" });
    expect(link({ commitTransaction: 1 }, opTime(5, 3))).toEqual({
      previous: clusterTime(5, 3),
      open: false,
      command: "commitTransaction",
    });
    expect(link({ abortTransaction: 1 }, opTime(5, 3))).toEqual({ previous: clusterTime(5, 3), open: false, command: "abortTransaction" });
  });
  test("several retryable writes in one entry (8.0) are linked to their session, not to a transaction", () => {
    expect(link({ applyOps: [], multiOpType: 1 }, opTime(5, 3))).toBeNull();
  });
  test("it is forgotten at the next entry", () => {
    const one = new OplogEntryScan();
    one.read(bytesOf(entry({ op: "c", ns: "admin.$cmd", o: { applyOps: [], partialTxn: true } }, { prevOpTime: NO_OP_TIME })), 0);
    one.read(bytesOf(entry({ op: "i", ns: "a.b", o: {} })), 0);
    expect(one.transaction).toBeNull();
  });
});
