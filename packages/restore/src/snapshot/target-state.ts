import { identifyDeployment, type SourceIdentity } from "@oplog-collector/collector-core";
import type { MongoClient } from "mongodb";
import { runDdl } from "../ddl.js";
import { isServersInAdmin, PROGRESS_DATABASE } from "../routing.js";

/** Databases that every deployment has by itself, and ours. */
const NOT_USER_DATA = new Set(["config", "local", PROGRESS_DATABASE]);

/** Namespaces on a target that hold user data. */
export async function userNamespaces(client: MongoClient): Promise<string[]> {
  const { databases } = await client.db("admin").command({ listDatabases: 1, nameOnly: true });
  const namespaces: string[] = [];
  for (const { name } of databases as { name: string }[]) {
    if (NOT_USER_DATA.has(name)) continue;
    for await (const collection of client.db(name).listCollections({}, { nameOnly: true })) namespaces.push(`${name}.${collection.name}`);
  }
  return namespaces.filter((namespace) => !isServersInAdmin(namespace)).sort();
}

/** Whether the target is the deployment from which the log was captured. */
export async function isSource(client: MongoClient, source: SourceIdentity | null): Promise<boolean> {
  if (!source?.replicaSetId) return false;
  // A standalone server can be restored to as well, and is no deployment that could be captured.
  const target = await identifyDeployment(client, null).catch(() => null);
  return target?.replicaSetId === source.replicaSetId;
}

/** Drops a collection, view or time series; what is not there is no error. */
export async function dropNamespaces(client: MongoClient, namespaces: readonly string[]): Promise<void> {
  // Views and time series first: dropping the view of a time series drops its buckets as well, but not the other way round.
  const order = (namespace: string) => (namespace.includes(".system.") ? 1 : 0);
  for (const namespace of namespaces.toSorted((a, b) => order(a) - order(b))) await runDdl(client, { kind: "drop", namespace }, true);
}
