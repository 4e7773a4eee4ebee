import { checkLogName, OplogError, openStore, refusal, type Store, type StoreLocation } from "@oplog-collector/collector-core";
import { Option } from "commander";

/** What every command that reads a log takes. */
export interface LogOptions {
  store: string;
  name: string;
}

export const storeOption = () =>
  new Option(
    "--store <uri>",
    "where the log is: mongodb://…, file:///dir, s3://bucket/prefix, or env:NAME, file-ref:PATH to keep it out of the process list",
  ).makeOptionMandatory();

export const nameOption = () => new Option("--name <name>", "the log's name").makeOptionMandatory();

/** Opens a log that exists, for as long as `use` runs. */
export async function withLog<T>({ store: uri, name }: LogOptions, use: (store: Store, location: StoreLocation) => Promise<T>): Promise<T> {
  checkLogName(name);
  const location = await openStore(uri).catch((error) => Promise.reject(refusal("store", error)));
  try {
    const store = await location.log(name);
    try {
      for await (const _ of store.headers()) return await use(store, location);
      throw noSuchLog(name, await location.names());
    } finally {
      await store.close();
    }
  } finally {
    await location.close();
  }
}

/** Names that a person can still take in at a glance. */
const NAMES_LISTED = 10;

function noSuchLog(name: string, names: string[]): OplogError {
  const logs = names.filter((found) => !found.includes("@"));
  const listed = `${logs.slice(0, NAMES_LISTED).join(", ")}${logs.length > NAMES_LISTED ? `, … (${logs.length} in all)` : ""}`;
  return new OplogError("OUTSIDE_COVERAGE", `The store holds no log named ${name}`, {
    hint: logs.length > 0 ? `It holds: ${listed}.` : "It holds no log at all: check the store's URI, and that the collector has run.",
  });
}
