import { type Db, type Document, type MongoClient, MongoServerError } from "mongodb";
import { splitNamespace } from "./operation.js";
import { bucketsOf, plainName } from "./routing.js";

/** What decides how the documents of a collection on the target may be written. */
export interface CollectionFacts {
  /** All its changes keep the order of the log. */
  ordered: boolean;
  /** It has a unique index besides the one on `_id`, and may be written in a transaction. */
  unique: boolean;
  capped: boolean;
  /** Buckets of a time series of its name lie beside it: write commands on the name would go there. */
  besideBuckets: boolean;
}

const PLAIN: CollectionFacts = { ordered: false, unique: false, capped: false, besideBuckets: false };

/** Answered by `listIndexes` for a collection that does not exist, or a view. */
const NO_INDEXES = new Set([26, 166]);

/** What the target's collections are like: asked when one is first written, and again after DDL that may have changed it. */
export class Catalog {
  private readonly facts = new Map<string, CollectionFacts>();
  private transactions: boolean | undefined;

  constructor(private readonly client: MongoClient) {}

  known(namespace: string): CollectionFacts | undefined {
    return this.facts.get(namespace);
  }

  async look(namespace: string): Promise<CollectionFacts> {
    const { db: name, collection } = splitNamespace(namespace);
    const db = this.client.db(name);
    this.transactions ??= await hasTransactions(this.client);
    const facts = await factsOf(db, collection, this.transactions);
    if (this.facts.size > MAX_KNOWN) this.facts.clear();
    this.facts.set(namespace, facts);
    return facts;
  }

  /** After DDL on a collection, or on a whole database. */
  forget(namespace: string): void {
    if (namespace.includes(".")) {
      this.facts.delete(namespace);
      this.facts.delete(plainName(namespace));
    } else for (const known of this.facts.keys()) if (known.startsWith(`${namespace}.`)) this.facts.delete(known);
  }
}

/** A deployment that makes names for ever must not fill the memory. */
const MAX_KNOWN = 100_000;

async function factsOf(db: Db, collection: string, transactions: boolean): Promise<CollectionFacts> {
  const listed = await db.listCollections({ name: { $in: [collection, bucketsOf(collection)] } }).toArray();
  const info = listed.find(({ name }) => name === collection);
  if (!info) return PLAIN;
  const { capped = false, collation } = (info as { options?: { capped?: boolean; collation?: Document } }).options ?? {};
  const unique = await hasUniqueIndex(db, collection);
  // Transactions can't write to these.
  const alone = capped || !transactions || db.databaseName === "admin";
  // Capped: the order is part of the data. With a collation two different `_id` may be equal.
  const besideBuckets = info.type === "collection" && listed.length > 1;
  return { capped, unique: unique && !alone, ordered: capped || collation !== undefined || (unique && alone), besideBuckets };
}

/** A standalone server has none. */
async function hasTransactions(client: MongoClient): Promise<boolean> {
  const { setName, msg } = await client.db("admin").command({ hello: 1 });
  return setName !== undefined || msg === "isdbgrid";
}

/** Two documents share the key of a unique index: the one must give it up before the other takes it. */
async function hasUniqueIndex(db: Db, collection: string): Promise<boolean> {
  try {
    const indexes = await db.collection(collection).listIndexes().toArray();
    return indexes.some(({ unique, prepareUnique, key }) => (unique || prepareUnique) && !(Object.keys(key).length === 1 && "_id" in key));
  } catch (error) {
    if (error instanceof MongoServerError && NO_INDEXES.has(Number(error.code))) return false;
    throw error;
  }
}
