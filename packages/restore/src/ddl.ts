import {
  arrayOf,
  BSON_TYPE,
  document,
  documentElement,
  rawElement,
  rawElements,
  rawField,
  rawString,
  stringElement,
} from "@oplog-collector/collector-core";
import { BSON, type Document, type MongoClient, MongoServerError } from "mongodb";
import { type Ddl, splitNamespace } from "./operation.js";
import { bucketsOf, isBuckets } from "./routing.js";

/** Server error codes that DDL meets. */
const NAMESPACE_NOT_FOUND = 26;
const INDEX_NOT_FOUND = 27;
const NAMESPACE_EXISTS = 48;

const DDL_WRITE_CONCERN = { writeConcern: { w: "majority" } };

/**
 * Does one DDL operation on the target. With `again` it may have been done before, by a run that was interrupted: then it is no error that it is
 * done already.
 */
export async function runDdl(client: MongoClient, ddl: Ddl, again: boolean): Promise<void> {
  const { db: dbName, collection } = splitNamespace(ddl.namespace);
  const db = client.db(dbName);
  const run = (command: Document) => db.command({ ...command, ...DDL_WRITE_CONCERN });
  switch (ddl.kind) {
    case "create":
      return tolerate(again || isServersOwn(dbName, collection) ? [NAMESPACE_EXISTS] : [], () =>
        create(client, dbName, collection, ddl.options),
      );
    case "createIndexes":
      await run({ createIndexes: collection, ...rawField("indexes", BSON_TYPE.array, ddl.indexes) });
      return;
    case "dropIndexes":
      for (const index of ddl.names)
        await tolerate(again ? [INDEX_NOT_FOUND, NAMESPACE_NOT_FOUND] : [], () => run({ dropIndexes: collection, index }));
      return;
    case "collMod":
      return collMod(client, ddl.namespace, ddl.options);
    case "drop":
      return drop(client, ddl.namespace, again);
    case "dropDatabase":
      await run({ dropDatabase: 1 });
      return;
    case "rename": {
      // Done before: the old name is gone, and nothing of the log could have made it again.
      if (again && !(await exists(client, ddl.namespace)) && (await exists(client, ddl.to))) return;
      await client.db("admin").command({ renameCollection: ddl.namespace, to: ddl.to, dropTarget: ddl.dropTarget, ...DDL_WRITE_CONCERN });
      return;
    }
  }
}

/** Made by the server when it first needs them, so perhaps there already. */
const isServersOwn = (db: string, collection: string): boolean =>
  collection === "system.views" || (db === "admin" && collection.startsWith("system."));

async function drop(client: MongoClient, namespace: string, again: boolean): Promise<void> {
  const { db, collection } = splitNamespace(namespace);
  // Of a time series, the command drops view and buckets at once; they are two events, and over a base snapshot one of them may be the next one's.
  const exactly = isRefused(collection) || isBuckets(collection) || (await exists(client, `${db}.${bucketsOf(collection)}`));
  await tolerate(again ? [NAMESPACE_NOT_FOUND] : [], () =>
    exactly
      ? applyOps(client, [command(db, stringElement("drop", collection))])
      : client.db(db).command({ drop: collection, ...DDL_WRITE_CONCERN }),
  );
}

/** The command refuses to drop them (the views, where there are time series); with their database the server does, in any order. */
const isRefused = (collection: string): boolean => collection === "system.js" || collection === "system.views";

/** An oplog entry of a command on a database. */
const command = (db: string, ...elements: Buffer[]): Buffer =>
  document([stringElement("op", "c"), stringElement("ns", `${db}.$cmd`), documentElement("o", document(elements))]);

async function create(client: MongoClient, db: string, collection: string, options: Buffer): Promise<void> {
  const viewOn = rawElement(options, "viewOn");
  if (viewOn && isBuckets(rawString(options, viewOn.valueStart))) {
    // `create` refuses the internal stage of a time series' view; this is how the server itself keeps it.
    return defineView(client, `${db}.${collection}`, options);
  }
  const clustered = rawElement(options, "clusteredIndex");
  // `create` refuses the first three, which only the server itself may make (the third by convertToCapped of a clustered collection), and would
  // add an index on `_id` that the fourth does not have.
  const cappedToo = clustered && rawElement(options, "capped");
  const withoutIndex = !viewOn && !rawElement(options, "idIndex") && !clustered;
  if (isBuckets(collection) || rawElement(options, "temp") || cappedToo || withoutIndex)
    return applyOps(client, [command(db, stringElement("create", collection), ...elementsOf(options))]);
  await client.db(db).command({ create: collection, ...rawFields(options), ...DDL_WRITE_CONCERN });
}

async function collMod(client: MongoClient, namespace: string, options: Buffer): Promise<void> {
  const { db, collection } = splitNamespace(namespace);
  const viewOn = rawElement(options, "viewOn");
  if (viewOn && isBuckets(rawString(options, viewOn.valueStart))) return defineView(client, namespace, options);
  await client.db(db).command({ collMod: collection, ...rawFields(options), ...DDL_WRITE_CONCERN });
}

/** Views can be written to only where there is the collection for them. */
export async function ensureViews(client: MongoClient, db: string): Promise<void> {
  await tolerate([NAMESPACE_EXISTS], () =>
    applyOps(client, [document([stringElement("op", "c"), stringElement("ns", `${db}.$cmd`), documentElement("o", CREATE_VIEWS)])]),
  );
}

/** Puts a view's definition where the server keeps it. */
async function defineView(client: MongoClient, namespace: string, definition: Buffer): Promise<void> {
  const { db } = splitNamespace(namespace);
  await ensureViews(client, db);
  const o = document([stringElement("_id", namespace), ...elementsOf(definition)]);
  await applyOps(client, [document([stringElement("op", "i"), stringElement("ns", `${db}.system.views`), documentElement("o", o)])]);
}

/** As the server makes it with a database's first view. Without `idIndex`, applyOps makes a collection that has none. */
const CREATE_VIEWS = Buffer.from(BSON.serialize({ create: "system.views", idIndex: { v: 2, key: { _id: 1 }, name: "_id_" } }));

/** Runs oplog entries as the server would; `allowAtomic: false` so that a change stream on the target sees them. */
export async function applyOps(client: MongoClient, entries: Buffer[]): Promise<void> {
  await client.db("admin").command({
    ...rawField("applyOps", BSON_TYPE.array, arrayOf(entries)),
    allowAtomic: false,
    // True makes a partial document where an update finds none.
    alwaysUpsert: false,
    bypassDocumentValidation: true,
    ...DDL_WRITE_CONCERN,
  });
}

const elementsOf = (bytes: Buffer): Buffer[] => [...rawElements(bytes)].map(({ start, end }) => bytes.subarray(start, end));

/** The fields of a document as fields of a command. */
function rawFields(bytes: Buffer): Document {
  const fields: Document = {};
  for (const { name, type, valueStart, end } of rawElements(bytes))
    Object.assign(fields, rawField(name, type, bytes.subarray(valueStart, end)));
  return fields;
}

async function exists(client: MongoClient, namespace: string): Promise<boolean> {
  const { db, collection } = splitNamespace(namespace);
  return client.db(db).listCollections({ name: collection }, { nameOnly: true }).hasNext();
}

async function tolerate(codes: readonly number[], act: () => Promise<unknown>): Promise<void> {
  try {
    await act();
  } catch (error) {
    if (!(error instanceof MongoServerError) || !codes.includes(Number(error.code))) throw error;
  }
}
