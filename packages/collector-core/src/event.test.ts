import fc from "fast-check";
import { Binary, BSON, Timestamp } from "mongodb";
import { expect, test } from "vitest";
import { clusterTime } from "./cluster-time.js";
import { ChangeEventScan, positionOfEvent } from "./event.js";
import { tokenData, tokenFromData } from "./position.js";

const token = (t: number, i: number) =>
  `82${((BigInt(t) << 32n) | BigInt(i)).toString(16).padStart(16, "0")}2B022C0100296E5A100404`.toUpperCase();

/** Fields in any order, with others between them, as servers of other versions send them. */
const arbitraryEvent = fc
  .record({
    t: fc.integer({ min: 0, max: 0x7fffffff }),
    i: fc.integer({ min: 0, max: 0xffffffff }),
    operationType: fc.constantFrom("insert", "update", "dropDatabase", "shardCollection", "çé"),
    db: fc.string({ minLength: 1, maxLength: 8 }).filter((text) => !text.includes("\0")),
    coll: fc.option(
      fc.string({ minLength: 1, maxLength: 8 }).filter((text) => !text.includes("\0")),
      { nil: undefined },
    ),
    wall: fc.option(fc.date({ noInvalidDate: true }), { nil: undefined }),
    typeBits: fc.boolean(),
    order: fc.infiniteStream(fc.nat()).map((stream) => [...stream.take(8)]),
    before: fc.nat(20),
  })
  .map((event) => {
    const { t, i, operationType, db, coll, wall, typeBits, order, before } = event;
    const fields: [string, unknown][] = [
      ["operationType", operationType],
      ["clusterTime", new Timestamp({ t, i })],
      ["ns", coll === undefined ? { db } : { db, coll }],
      ["documentKey", { _id: { operationType: "no" } }],
      ["fullDocument", { ns: { db: "no" }, clusterTime: new Timestamp({ t: 1, i: 1 }) }],
      ["lsid", { id: 1 }],
    ];
    if (wall) fields.push(["wallTime", wall]);
    const shuffled = fields.map((field, index) => [order[index]!, field] as const).sort(([a], [b]) => a - b);
    const id = { _data: token(t, i), ...(typeBits && { _typeBits: new Binary(Buffer.from([0x40])) }) };
    const document = { _id: id, ...Object.fromEntries(shuffled.map(([, field]) => field)) };
    return { ...event, bytes: Buffer.concat([Buffer.alloc(before), BSON.serialize(document), Buffer.alloc(3)]), document };
  });

test("the envelope is read without decoding, whatever the order of its fields and wherever the event lies", () => {
  const scan = new ChangeEventScan();
  fc.assert(
    fc.property(arbitraryEvent, ({ bytes, before, t, i, operationType, db, coll, wall, document }) => {
      expect(scan.read(bytes, before)).toBe(bytes.length - 3);
      expect(scan.clusterTime).toBe(clusterTime(t, i));
      expect(scan.kind).toEqual({ operation: operationType, namespace: coll === undefined ? db : `${db}.${coll}` });
      expect(scan.wallTime).toBe(wall ? wall.getTime() : Number.NaN);
      expect(BSON.deserialize(bytes.subarray(scan.tokenStart, scan.tokenEnd))).toEqual(document._id);
      expect(scan.splitEvent).toBe(0);
    }),
  );
});

test("the position after an event is its whole token, with its cluster time and wall time", () => {
  fc.assert(
    fc.property(arbitraryEvent, ({ bytes, before, t, i, wall, document }) => {
      const position = positionOfEvent(bytes.subarray(before, bytes.length - 3), "change-event");
      expect(position.token).toEqual(Buffer.from(BSON.serialize(document._id)));
      expect(tokenData(position.token!)).toBe(token(t, i));
      expect([position.clusterTime, position.wallTime]).toEqual([clusterTime(t, i), wall ?? null]);
    }),
  );
});

test("events of one kind share one object, and other kinds have others", () => {
  const scan = new ChangeEventScan();
  const kindOf = (operationType: string, coll: string) => {
    scan.read(Buffer.from(BSON.serialize({ _id: { _data: token(1, 1) }, operationType, ns: { db: "d", coll } })), 0);
    return scan.kind;
  };
  const first = kindOf("insert", "a");
  expect(kindOf("insert", "a")).toBe(first);
  expect(kindOf("insert", "b")).not.toEqual(first);
  expect(kindOf("update", "a")).not.toEqual(first);
});

test("a fragment is told from a whole event, and what is read next is whole again", () => {
  const scan = new ChangeEventScan();
  const id = { _data: token(1, 1) };
  scan.read(Buffer.from(BSON.serialize({ _id: id, splitEvent: { fragment: 1, of: 2 }, operationType: "insert" })), 0);
  expect(scan.splitEvent).toBeGreaterThan(0);
  scan.read(Buffer.from(BSON.serialize({ _id: id, operationType: "insert" })), 0);
  expect(scan.splitEvent).toBe(0);
});

test("what has no token is no change event", () => {
  expect(() => new ChangeEventScan().read(Buffer.from(BSON.serialize({ operationType: "insert" })), 0)).toThrow(TypeError);
  expect(() => positionOfEvent(Buffer.from(BSON.serialize({ operationType: "insert" })), "change-event")).toThrow(TypeError);
  expect(() => positionOfEvent(Buffer.from(BSON.serialize({ _id: BSON.deserialize(tokenFromData("ZZ")) })), "change-event")).toThrow(
    TypeError,
  );
});
