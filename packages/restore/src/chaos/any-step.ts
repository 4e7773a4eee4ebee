import { runWithDocuments } from "@oplog-collector/collector-core";
import fc from "fast-check";
import { type Db, type Document, type MongoClient, MongoServerError } from "mongodb";
import { anyDocument, anyFields, anyId, anyName, anyNumber, anyValue, encodeDocument, Fields, plainName } from "./any-bson.js";

/** Where a workload runs: a database of its own, and one beside it. */
export interface Place {
  client: MongoClient;
  db: Db;
  other: Db;
}

/** One thing that a user may do to a deployment. The server may refuse it. */
export interface Step {
  kind: string;
  /** What was drawn, for whoever has to find out. */
  told: string;
  /** Throws what the server refuses. */
  run(place: Place): Promise<unknown>;
}

function kind<T>(name: string, drawn: fc.Arbitrary<T>, run: (place: Place, of: T) => Promise<unknown>): fc.Arbitrary<Step> {
  return drawn.map((of) => ({ kind: name, told: fc.stringify(of), run: (place) => run(place, of) }));
}

const COLLECTIONS = ["p", "q", "r"];
/** Apart from the others, for the sake of the server: see `anyFields`. */
const TWICE = "twice";
const anyCollection = fc.constantFrom(...COLLECTIONS);

/** Sends a command with one field of documents as BSON; throws the first of its write errors. */
async function write(db: Db, command: Document, name: "documents" | "updates" | "deletes", documents: readonly object[]): Promise<void> {
  const reply = await runWithDocuments(db, command, { name, chunks: documents.map(encodeDocument) });
  const refused = (reply.writeErrors as Document[] | undefined)?.[0];
  if (refused) throw new MongoServerError({ message: refused.errmsg, code: refused.code });
}

const insert = (db: Db, coll: string, documents: readonly Fields[]) => write(db, { insert: coll, ordered: false }, "documents", documents);

interface Update {
  coll: string;
  id: unknown;
  u: unknown;
  arrayFilters?: unknown[];
  upsert?: boolean;
}

const update = ({ db }: Place, { coll, id, u, arrayFilters, upsert = false }: Update) =>
  write(db, { update: coll, bypassDocumentValidation: true }, "updates", [
    { q: { _id: { $eq: id } }, u, upsert, ...(arrayFilters && { arrayFilters }) },
  ]);

const anyPath = fc.oneof(
  plainName,
  fc.constantFrom(
    ...[
      "n",
      "sub.a",
      "sub.b",
      "sub.0",
      "sub.a.b",
      "sub.é",
      "list.0",
      "list.3",
      "list.14",
      "items.0.k",
      "items.1.v",
      "items.0.v.a",
      "new.x.y",
      "a.b.c",
      "a.0.b",
    ],
  ),
);

/** Some paths with a value each; the server refuses those that contradict one another. */
const some = (value: fc.Arbitrary<unknown>, most = 4) =>
  fc.array(fc.tuple(anyPath, value), { minLength: 1, maxLength: most }).map((list) => new Fields([...new Map(list)]));

/** `{$operator: {path: value, …}}` on one document. */
const operator = (name: string, paths: fc.Arbitrary<Fields>) =>
  kind(name, fc.record({ coll: anyCollection, id: anyId, paths }), (place, { paths: of, ...rest }) =>
    update(place, { ...rest, u: new Fields([[name, of]]) }),
  );

const of = (paths: string[], value: fc.Arbitrary<unknown>) =>
  fc.tuple(fc.constantFrom(...paths), value).map(([path, v]) => new Fields([[path, v]]));
const arrays = ["list", "items", "sub.a", "a", "fresh"];
const element = fc.oneof(anyNumber, anyValue);
const small = fc.integer({ min: -3, max: 6 });

/** Pipelines that put any field into any place. */
const pipeline = (name: string, stages: fc.Arbitrary<unknown[]>) =>
  kind(`pipeline: ${name}`, fc.record({ coll: anyCollection, id: anyId, upsert: fc.boolean(), u: stages }), update);

const literal = (value: unknown) => ({ $literal: value });

const UPDATES: fc.Arbitrary<Step>[] = [
  operator("$set", some(anyValue)),
  operator("$unset", some(fc.constant(""))),
  operator("$inc", some(anyNumber, 2)),
  operator("$mul", some(anyNumber, 2)),
  operator("$min", some(anyValue, 2)),
  operator("$max", some(anyValue, 2)),
  operator("$rename", of(["a", "n", "sub.a", "list", "pad"], fc.constantFrom("b", "z", "sub.z", "new.z", "10"))),
  operator("$currentDate", of(["now", "sub.now", "n"], fc.constantFrom(true, { $type: "timestamp" }, { $type: "date" }))),
  operator("$push", of(arrays, element)),
  operator(
    "$push with modifiers",
    of(arrays, fc.record({ $each: fc.array(element, { maxLength: 3 }), $position: small, $slice: small }, { requiredKeys: ["$each"] })),
  ),
  operator(
    "$push sorted",
    of(["items"], fc.record({ $each: fc.constant([]), $sort: fc.constantFrom({ k: 1 }, { k: -1, v: 1 }), $slice: small })),
  ),
  operator(
    "$addToSet",
    of(
      arrays,
      fc.oneof(
        element,
        fc.array(element, { maxLength: 3 }).map(($each) => ({ $each })),
      ),
    ),
  ),
  operator("$pop", of(arrays, fc.constantFrom(1, -1))),
  operator("$pull", of(["list", "items"], fc.oneof(anyNumber, fc.constant({ k: { $gte: 2 } }), fc.constant("p")))),
  operator("$pullAll", of(["list"], fc.array(anyNumber, { maxLength: 4 }))),
  operator("$bit", of(["n", "list.0", "flags"], fc.constantFrom({ and: 5 }, { or: 5 }, { xor: 5 }))),
  kind(
    "several operators",
    fc.record({ coll: anyCollection, id: anyId, a: anyValue, b: anyNumber, c: element }),
    (place, { a, b, c, ...rest }) =>
      update(place, {
        ...rest,
        u: new Fields([
          [
            "$set",
            new Fields([
              ["zz", a],
              ["aa", b],
            ]),
          ],
          ["$unset", { pad: 1 }],
          ["$push", { list: c }],
        ]),
      }),
  ),
  kind("upsert with $setOnInsert", fc.record({ coll: anyCollection, id: anyId, a: anyValue, b: anyValue }), (place, { a, b, ...rest }) =>
    update(place, {
      ...rest,
      upsert: true,
      u: new Fields([
        ["$set", { z: a }],
        ["$setOnInsert", { "s.x": b, a: 1 }],
      ]),
    }),
  ),
  kind("all of an array", fc.record({ coll: anyCollection, id: anyId, v: anyValue }), (place, { v, ...rest }) =>
    update(place, { ...rest, u: new Fields([["$set", new Fields([["list.$[]", v]])]]) }),
  ),
  kind("arrayFilters", fc.record({ coll: anyCollection, id: anyId, v: anyValue, k: small }), (place, { v, k, ...rest }) =>
    update(place, {
      ...rest,
      u: new Fields([
        [
          "$set",
          new Fields([
            ["items.$[e].v", v],
            ["items.$[e].w", k],
          ]),
        ],
      ]),
      arrayFilters: [{ "e.k": { $lte: k } }],
    }),
  ),
  kind("arrayFilters, $unset", fc.record({ coll: anyCollection, id: anyId, k: small }), (place, { k, ...rest }) =>
    update(place, { ...rest, u: { $unset: { "items.$[e].v": 1, "list.1": 1 } }, arrayFilters: [{ "e.k": k }] }),
  ),
  kind("the positional operator", fc.record({ coll: anyCollection, k: small, v: anyValue }), ({ db }, { coll, k, v }) =>
    write(db, { update: coll, bypassDocumentValidation: true }, "updates", [
      { q: { "items.k": k }, u: { $set: new Fields([["items.$.v", v]]) } },
    ]),
  ),
  kind("an update of many", fc.record({ coll: anyCollection, paths: some(anyValue, 2) }), ({ db }, { coll, paths }) =>
    write(db, { update: coll, bypassDocumentValidation: true }, "updates", [{ q: {}, u: { $set: paths }, multi: true }]),
  ),
  pipeline(
    "$set",
    some(anyValue).map((paths) => [{ $set: new Fields(paths.list.map(([path, v]) => [path, literal(v)])) }]),
  ),
  pipeline(
    "$unset",
    fc.array(anyPath, { minLength: 1, maxLength: 3 }).map((paths) => [{ $unset: [...new Set(paths)] }]),
  ),
  pipeline(
    "$setField",
    fc
      .tuple(anyName, anyValue)
      .map(([field, value]) => [{ $replaceWith: { $setField: { field: literal(field), input: "$$ROOT", value: literal(value) } } }]),
  ),
  pipeline(
    "$unsetField",
    anyName.map((field) => [{ $replaceWith: { $unsetField: { field: literal(field), input: "$$ROOT" } } }]),
  ),
  pipeline(
    "$setField inside",
    fc
      .tuple(anyName, anyValue)
      .map(([field, value]) => [
        { $set: { sub: { $setField: { field: literal(field), input: { $ifNull: ["$sub", {}] }, value: literal(value) } } } },
      ]),
  ),
  pipeline(
    "$mergeObjects",
    anyFields.map((fields) => [{ $replaceWith: { $mergeObjects: [literal(fields), "$$ROOT"] } }]),
  ),
  pipeline(
    "$mergeObjects behind",
    anyFields.map((fields) => [
      { $replaceWith: { $mergeObjects: ["$$ROOT", literal(new Fields(fields.list.filter(([name]) => name !== "_id")))] } },
    ]),
  ),
  pipeline(
    "another order",
    fc.constant([
      { $replaceWith: { $mergeObjects: [{ _id: "$_id" }, { $arrayToObject: { $reverseArray: { $objectToArray: "$$ROOT" } } }] } },
    ]),
  ),
  pipeline(
    "another order inside",
    fc.constant([{ $set: { sub: { $arrayToObject: { $reverseArray: { $objectToArray: { $ifNull: ["$sub", {}] } } } } } }]),
  ),
  pipeline(
    "$slice",
    small.map((n) => [{ $set: { list: { $slice: [{ $ifNull: ["$list", []] }, n === 0 ? 1 : n] } } }]),
  ),
  pipeline(
    "$concatArrays",
    fc
      .tuple(element, element)
      .map(([a, b]) => [{ $set: { list: { $concatArrays: [[literal(a)], { $ifNull: ["$list", []] }, [literal(b)]] } } }]),
  ),
  pipeline(
    "$map",
    anyValue.map((v) => [
      { $set: { items: { $map: { input: { $ifNull: ["$items", []] }, in: { $mergeObjects: ["$$this", { w: literal(v) }] } } } } },
    ]),
  ),
  pipeline(
    "$filter",
    small.map((n) => [{ $set: { items: { $filter: { input: { $ifNull: ["$items", []] }, cond: { $lt: ["$$this.k", n] } } } } }]),
  ),
  pipeline(
    "the whole",
    anyDocument.map((whole) => [{ $replaceWith: { $mergeObjects: [literal(whole), { _id: "$_id" }] } }]),
  ),
  pipeline("away and back", fc.constant([{ $set: { kept: "$sub" } }, { $unset: "sub" }, { $set: { sub: "$kept" } }, { $unset: "kept" }])),
];

const DOCUMENTS: fc.Arbitrary<Step>[] = [
  kind(
    "insert",
    fc.record({ coll: anyCollection, documents: fc.array(anyDocument, { minLength: 1, maxLength: 4 }) }),
    ({ db }, { coll, documents }) => insert(db, coll, documents),
  ),
  kind("insert of odd fields", fc.record({ coll: anyCollection, id: anyId, fields: anyFields }), ({ db }, { coll, id, fields }) =>
    insert(db, coll, [new Fields([["_id", id], ...fields.list.filter(([name]) => name !== "_id")])]),
  ),
  kind("insert of one name twice", fc.record({ id: anyId, a: anyValue, b: anyValue }), ({ db }, { id, a, b }) =>
    insert(db, TWICE, [
      new Fields([
        ["_id", id],
        ["twice", a],
        ["x", 1],
        ["twice", b],
      ]),
    ]),
  ),
  kind("update beside a name that is there twice", fc.record({ id: anyId, v: anyValue }), (place, { v, id }) =>
    update(place, { coll: TWICE, id, u: { $set: new Fields([["x", v]]) } }),
  ),
  kind("replace", fc.record({ coll: anyCollection, id: anyId, upsert: fc.boolean(), u: anyDocument }), (place, { u, ...rest }) =>
    update(place, { ...rest, u: new Fields(u.list.filter(([name]) => name !== "_id" && !name.startsWith("$"))) }),
  ),
  kind(
    "replace by odd fields",
    fc.record({ coll: anyCollection, id: anyId, upsert: fc.boolean(), u: anyFields }),
    (place, { u, ...rest }) =>
      update(place, { ...rest, u: new Fields(u.list.filter(([name]) => name !== "_id" && !name.startsWith("$"))) }),
  ),
  kind("delete", fc.record({ coll: anyCollection, id: anyId }), ({ db }, { coll, id }) =>
    write(db, { delete: coll }, "deletes", [{ q: { _id: { $eq: id } }, limit: 1 }]),
  ),
  kind("delete of many", fc.record({ coll: anyCollection, k: small }), ({ db }, { coll, k }) =>
    db.collection(coll).deleteMany({ "items.k": k }),
  ),
  kind("findAndModify", fc.record({ coll: anyCollection, v: small }), ({ db }, { coll, v }) =>
    db.command({
      findAndModify: coll,
      query: { "items.k": v },
      update: { $set: { found: v }, $inc: { times: 1 } },
      sort: { _id: -1 },
      upsert: v === 0,
      bypassDocumentValidation: true,
    }),
  ),
  kind("findAndModify, remove", anyCollection, ({ db }, coll) =>
    db.command({ findAndModify: coll, query: {}, sort: { _id: 1 }, remove: true }),
  ),
  kind(
    "$merge",
    fc.record({
      from: anyCollection,
      into: anyCollection,
      whenMatched: fc.constantFrom<unknown>("merge", "replace", "keepExisting", [{ $set: { z: "$$new.n", aa: 1 } }]),
    }),
    ({ db }, { from, into, whenMatched }) =>
      db
        .collection(from)
        .aggregate([{ $limit: 3 }, { $merge: { into, whenMatched: whenMatched as "merge" } }], { bypassDocumentValidation: true })
        .toArray(),
  ),
  kind("$out", fc.record({ from: anyCollection, into: anyCollection, cross: fc.boolean() }), ({ db, other }, { from, into, cross }) =>
    db
      .collection(from)
      .aggregate([{ $set: { out: 1 } }, { $out: cross ? { db: other.databaseName, coll: into } : into }], {
        bypassDocumentValidation: true,
      })
      .toArray(),
  ),
  kind(
    "atomic applyOps",
    fc.record({
      coll: anyCollection,
      id: fc.integer({ min: 0, max: 5 }),
      other: fc.integer({ min: 0, max: 9 }),
      alwaysUpsert: fc.boolean(),
    }),
    ({ client, db }, { coll, id, other, alwaysUpsert }) => {
      const ns = `${db.databaseName}.${coll}`;
      const applyOps = [
        { op: "i", ns, o: { _id: id, z: 1, a: { b: 1 } } },
        { op: "u", ns, o2: { _id: id }, o: { $v: 2, diff: { i: { applied: true }, sa: { u: { b: 2 } } } } },
        { op: "u", ns, o2: { _id: other }, o: { $v: 2, diff: { i: { other } } } },
        { op: "d", ns, o: { _id: other + 20 } },
      ];
      return client.db("admin").command({ applyOps, alwaysUpsert });
    },
  ),
  kind(
    "time series",
    fc.array(fc.tuple(fc.integer({ min: 0, max: 90_000 }), fc.integer({ min: 0, max: 2 }), anyNumber), { minLength: 1, maxLength: 5 }),
    ({ db }, rows) => db.collection("series").insertMany(rows.map(([at, m, v]) => ({ at: new Date(1.7e12 + at * 1000), m, v }))),
  ),
  kind("capped", fc.array(fc.integer({ min: 0, max: 40 }), { minLength: 1, maxLength: 6 }), ({ db }, ids) =>
    insert(
      db,
      "ring",
      ids.map(
        (id) =>
          new Fields([
            ["_id", id],
            ["text", "x".repeat(id * 9)],
          ]),
      ),
    ),
  ),
  kind("capped, update", fc.integer({ min: 0, max: 40 }), ({ db }, id) =>
    db.command({ update: "ring", updates: [{ q: { _id: id }, u: { $set: { text: "y" } } }] }),
  ),
  kind("system.js", fc.record({ name: fc.constantFrom("one", "two"), value: anyNumber }), ({ db }, { name, value }) =>
    write(db, { update: "system.js" }, "updates", [{ q: { _id: name }, u: { _id: name, value }, upsert: true }]),
  ),
];

const anyIndex = fc.constantFrom<Document>(
  { key: { a: 1 }, name: "a" },
  { key: { n: -1, "sub.a": 1 }, name: "several" },
  { key: { "sub.k": 1 }, name: "sparse", sparse: true },
  { key: { uniq: 1 }, name: "unique", unique: true, partialFilterExpression: { uniq: { $exists: true } } },
  { key: { at: 1 }, name: "ttl", expireAfterSeconds: 1_000_000 },
  { key: { "$**": 1 }, name: "wild", wildcardProjection: { pad: 0 } },
  { key: { n: "hashed" }, name: "hashed" },
  { key: { c: "text" }, name: "text", default_language: "german", weights: { c: 3 } },
  { key: { d: 1 }, name: "hidden", hidden: true, collation: { locale: "fr" } },
  { key: { b: "2dsphere" }, name: "sphere", sparse: true },
);

const create = (name: string, options: fc.Arbitrary<Document>, coll = anyCollection) =>
  kind(`create: ${name}`, fc.record({ coll, options }), ({ db }, { coll: create, options: of }) => db.command({ create, ...of }));

const collMod = (name: string, command: fc.Arbitrary<Document>, coll = anyCollection) =>
  kind(`collMod: ${name}`, fc.record({ coll, command }), ({ db }, { coll: collMod, command: of }) => db.command({ collMod, ...of }));

const DDL: fc.Arbitrary<Step>[] = [
  create("plain", fc.constant({})),
  create(
    "capped",
    fc.record({ capped: fc.constant(true), size: fc.constantFrom(4096, 20_000), max: fc.integer({ min: 2, max: 9 }) }),
    fc.constantFrom("ring", "p"),
  ),
  create("clustered", fc.constant({ clusteredIndex: { key: { _id: 1 }, unique: true, name: "own" } })),
  create(
    "with a collation",
    fc.constantFrom({ collation: { locale: "de", strength: 2 } }, { collation: { locale: "sv", numericOrdering: true } }),
  ),
  create("with a validator", fc.constant({ validator: { $jsonSchema: { required: ["never"] } }, validationAction: "error" })),
  create("with images", fc.constant({ changeStreamPreAndPostImages: { enabled: true } })),
  create("with an engine's options", fc.constant({ storageEngine: { wiredTiger: { configString: "block_compressor=zlib" } } })),
  create(
    "time series",
    fc.constantFrom(
      { timeseries: { timeField: "at", metaField: "m", granularity: "minutes" } },
      { timeseries: { timeField: "at" }, expireAfterSeconds: 1e9 },
    ),
    fc.constant("series"),
  ),
  create(
    "view",
    fc.record({ viewOn: anyCollection, pipeline: fc.constantFrom([], [{ $match: { n: { $gt: 1 } } }, { $project: { "a.b": 0 } }]) }),
    fc.constantFrom("view", "view2"),
  ),
  kind("createIndex", fc.record({ coll: anyCollection, index: anyIndex }), ({ db }, { coll, index }) =>
    db.command({ createIndexes: coll, indexes: [index] }),
  ),
  kind(
    "createIndexes",
    fc.record({ coll: anyCollection, indexes: fc.uniqueArray(anyIndex, { minLength: 2, maxLength: 3 }) }),
    ({ db }, { coll, indexes }) => db.command({ createIndexes: coll, indexes }),
  ),
  kind(
    "dropIndexes",
    fc.record({ coll: anyCollection, index: fc.constantFrom<unknown>("a", "several", "unique", "wild", "hashed", "*", ["a", "ttl"]) }),
    ({ db }, { coll, index }) => db.command({ dropIndexes: coll, index }),
  ),
  collMod(
    "validator",
    fc.constantFrom({ validator: { n: { $exists: true } }, validationLevel: "moderate" }, { validator: {}, validationLevel: "off" }),
  ),
  collMod(
    "an index",
    fc.constantFrom(
      { index: { name: "a", hidden: true } },
      { index: { name: "ttl", expireAfterSeconds: 2_000_000 } },
      { index: { name: "a", prepareUnique: true } },
    ),
  ),
  collMod(
    "images",
    fc.constantFrom({ changeStreamPreAndPostImages: { enabled: true } }, { changeStreamPreAndPostImages: { enabled: false } }),
  ),
  collMod("view", fc.record({ viewOn: anyCollection, pipeline: fc.constantFrom([], [{ $limit: 2 }]) }), fc.constantFrom("view", "view2")),
  collMod("time series", fc.constantFrom({ timeseries: { granularity: "hours" } }, { expireAfterSeconds: 2e9 }), fc.constant("series")),
  collMod("capped", fc.constantFrom({ cappedSize: 8192 }, { cappedMax: 3 }), fc.constant("ring")),
  kind(
    "rename",
    fc.record({ from: anyCollection, to: anyCollection, dropTarget: fc.boolean(), cross: fc.boolean() }),
    ({ client, db, other }, { from, to, dropTarget, cross }) =>
      client
        .db("admin")
        .command({ renameCollection: `${db.databaseName}.${from}`, to: `${(cross ? other : db).databaseName}.${to}`, dropTarget }),
  ),
  kind("rename back", fc.record({ from: anyCollection, to: anyCollection }), ({ client, db, other }, { from, to }) =>
    client.db("admin").command({ renameCollection: `${other.databaseName}.${from}`, to: `${db.databaseName}.${to}`, dropTarget: true }),
  ),
  kind("drop", fc.constantFrom(...COLLECTIONS, "view", "view2", "series", "ring"), ({ db }, drop) => db.command({ drop })),
  kind("convertToCapped", fc.record({ coll: anyCollection, size: fc.constantFrom(4096, 20_000) }), ({ db }, { coll, size }) =>
    db.command({ convertToCapped: coll, size }),
  ),
  kind("cloneCollectionAsCapped", fc.record({ from: anyCollection, to: anyCollection }), ({ db }, { from, to }) =>
    db.command({ cloneCollectionAsCapped: from, toCollection: to, size: 8192 }),
  ),
  kind("dropDatabase", fc.boolean(), ({ db, other }, own) => (own ? db : other).dropDatabase()),
];

const inTransaction = (aborts: boolean) =>
  kind(
    aborts ? "transaction, aborted" : "transaction",
    fc.array(fc.record({ coll: anyCollection, id: fc.integer({ min: 0, max: 5 }), v: small, what: fc.integer({ min: 0, max: 3 }) }), {
      minLength: 1,
      maxLength: 6,
    }),
    async ({ client, db }, writes) => {
      const session = client.startSession();
      try {
        session.startTransaction();
        for (const { coll, id, v, what } of writes) {
          const collection = db.collection<{ _id: number }>(coll);
          if (what === 0) await collection.updateOne({ _id: id }, { $set: { v, "sub.t": v } }, { session, upsert: true });
          else if (what === 1) await collection.updateOne({ _id: id }, [{ $replaceWith: { _id: "$_id", z: "$n", v } }], { session });
          else if (what === 2) await collection.deleteOne({ _id: id }, { session });
          else await collection.insertOne({ _id: id + 10, v } as never, { session });
        }
        if (aborts) await session.abortTransaction();
        else await session.commitTransaction();
      } finally {
        await session.endSession();
      }
    },
  );

export const STEPS = [...UPDATES, ...DOCUMENTS, ...DDL, inTransaction(false), inTransaction(true)];

/** Documents are written much more often than collections are changed, and must be there to be updated. */
const anyStep = fc.oneof(
  { weight: 4, arbitrary: fc.oneof(...UPDATES) },
  { weight: 3, arbitrary: fc.oneof(...DOCUMENTS) },
  { weight: 2, arbitrary: DOCUMENTS[0]! },
  { weight: 1, arbitrary: fc.oneof(inTransaction(false), inTransaction(false), inTransaction(true)) },
  { weight: 1, arbitrary: fc.oneof(...DDL) },
);

/** What happens to one database. */
export const anyWorkload = (steps: number) => fc.array(anyStep, { minLength: steps >> 1, maxLength: steps });
