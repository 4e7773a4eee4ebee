import { createHash } from "node:crypto";
import { BSON, type Db, type MongoClient } from "mongodb";
import { isServersInAdmin } from "../routing.js";
import { dropNamespaces, userNamespaces } from "../snapshot/target-state.js";

/** What a deployment holds, to be compared: by namespace the hash of its documents as the server computes it, its options and its indexes. */
export type DeploymentState = Record<string, string>;

/** Reads it; nothing may be written meanwhile. UUIDs are left out: they name the collection, and are new on every deployment. */
export async function readState(client: MongoClient): Promise<DeploymentState> {
  const state: DeploymentState = {};
  const databases = new Set((await userNamespaces(client)).map((namespace) => namespace.slice(0, namespace.indexOf("."))));
  for (const database of databases) await readDatabase(client.db(database), state);
  return state;
}

async function readDatabase(db: Db, state: DeploymentState): Promise<void> {
  const { collections: hashes } = await db.command({ dbHash: 1 });
  for (const { name, type, options, idIndex } of (await db.listCollections({}, { nameOnly: false }).toArray()) as Listed[]) {
    if (isServersInAdmin(`${db.databaseName}.${name}`)) continue;
    const indexes = type === "collection" ? await db.command({ listIndexes: name }).then(({ cursor }) => cursor.firstBatch) : [];
    state[`${db.databaseName}.${name}`] = [
      `documents ${hashes[name] ?? "none"}`,
      `order ${options?.capped ? await naturalOrder(db, name) : "free"}`,
      text({ type, options, idIndex }),
      ...indexes.map(text).sort(),
    ].join("\n");
  }
}

interface Listed {
  name: string;
  type: string;
  options?: Record<string, unknown>;
  idIndex?: unknown;
}

/** Canonical, so that 1 and 1.0 differ. */
const text = (value: object): string => BSON.EJSON.stringify(value, { relaxed: false });

/** The server's hash takes documents in the order of `_id`; in a capped collection the order of insertion is data. */
async function naturalOrder(db: Db, name: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const { _id } of db.collection(name).find({}, { projection: { _id: 1 }, hint: { $natural: 1 } })) hash.update(text({ _id }));
  return hash.digest("hex");
}

/** The namespaces in which two states differ, with both. */
export function differences(expected: DeploymentState, found: DeploymentState): string[] {
  const names = new Set([...Object.keys(expected), ...Object.keys(found)]);
  return [...names]
    .filter((name) => expected[name] !== found[name])
    .map((name) => `${name}\n  expected ${expected[name]}\n  found    ${found[name]}`);
}

/** Empties a deployment of all that users have. */
export async function dropUserData(client: MongoClient): Promise<void> {
  const { databases } = await client.db("admin").command({ listDatabases: 1, nameOnly: true });
  for (const { name } of databases as { name: string }[])
    if (!["admin", "config", "local"].includes(name)) await client.db(name).dropDatabase();
  const inAdmin = await userNamespaces(client);
  await dropNamespaces(client, inAdmin); // of admin the server drops only collections
}
