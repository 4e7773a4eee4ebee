import { document, documentElement, OplogError, stringElement } from "@oplog-collector/collector-core";
import type { MongoClient } from "mongodb";
import { applyOps } from "./ddl.js";
import { resolveDelta } from "./delta.js";
import type { Write } from "./operation.js";
import { type ApplyMode, filterOf } from "./statement.js";
import { findRaw } from "./write-sender.js";

/** A write as an oplog entry: what the server applies as it stands, where its write commands mean something else or are refused. */
export function entryOf({ kind, namespace, key, bytes }: Write): Buffer {
  const ns = stringElement("ns", namespace);
  switch (kind) {
    case "insert":
      return document([stringElement("op", "i"), ns, documentElement("o", bytes)]);
    case "delete":
      return document([stringElement("op", "d"), ns, documentElement("o", key)]);
    default:
      return document([stringElement("op", "u"), ns, documentElement("o", bytes), documentElement("o2", key)]);
  }
}

/**
 * Writes one document of a plain collection beside which lie buckets of a time series of its name. Servers come into that state when an insert
 * makes the collection while a time series of that name is made; from then on they take each write command on the name for one on the time series.
 */
export async function writeByEntry(client: MongoClient, write: Write, mode: ApplyMode): Promise<void> {
  const changes = write.kind !== "insert" && write.kind !== "delete";
  // Forward, the server's own error tells that the document is not there.
  if (changes && mode !== "forward" && !(await findRaw(client, write.namespace, filterOf(write)))) {
    if (write.kind === "replace") await applyOps(client, [entryOf({ ...write, kind: "insert" })]);
    return;
  }
  await applyOps(client, [entryOf(write.kind === "delta" ? { ...write, kind: "diff", bytes: decided(write) } : write)]);
}

function decided({ namespace, bytes }: Write): Buffer {
  const update = resolveDelta(bytes);
  if (update) return update;
  throw new OplogError("APPLY_FAILED", `The log does not say which fields of ${namespace} an update means`, {
    hint: "Its paths have more than one meaning, and the time series of that name keeps us from looking: restore from a log of --capture oplog.",
  });
}
