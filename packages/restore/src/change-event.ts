import { BSON_TYPE, OplogError, rawElement, rawElements, rawString, rawValue, valueLength } from "@oplog-collector/collector-core";
import type { Decoded, EventReader } from "./event-reader.js";
import type { Ddl, Operation, Write } from "./operation.js";

/** Kinds of events that change no data, options or index of a deployment that is put together from this log. */
const WITHOUT_EFFECT: ReadonlyMap<string, string> = new Map([
  ["invalidate", "invalidate: only says that the stream of a database ended"],
  ["endOfTransaction", "endOfTransaction: only a mark in the stream"],
  ["startIndexBuild", "startIndexBuild: the index comes with its commit"],
  ["abortIndexBuild", "abortIndexBuild: there never was an index"],
  ...[
    "shardCollection",
    "reshardCollection",
    "refineCollectionShardKey",
    "reshardBegin",
    "reshardBlockingWrites",
    "reshardDoneCatchUp",
    "migrateChunkToNewShard",
    "migrateLastChunkFromShard",
  ].map((kind): [string, string] => [kind, `${kind}: how the source spreads data over shards is not restored`]),
]);

/** The envelope of a change event: byte offsets of the values that restoring takes, 0 when absent. Filled again for each event. */
export class ChangeEventReader implements EventReader {
  seconds = 0;
  ordinal = 0;
  private event: Buffer = Buffer.alloc(0);
  private operationType = 0;
  private namespaceStart = 0;
  private namespaceEnd = 0;
  private fullDocument = 0;
  private documentKey = 0;
  private updateDescription = 0;
  private rawUpdateDescription = 0;
  private operationDescription = 0;
  private to = 0;
  /** A namespace's bytes, and the text they mean: it comes again with every event. */
  private readonly namespaces = new Map<string, string>();

  read(event: Buffer): void {
    this.event = event;
    this.operationType =
      this.fullDocument =
      this.documentKey =
      this.updateDescription =
      this.rawUpdateDescription =
      this.operationDescription =
      this.to =
      this.namespaceStart =
        0;
    const end = event.length - 1;
    let element = 4;
    while (element < end) {
      const type = event[element]!;
      const name = element + 1;
      let nameEnd = name;
      while (event[nameEnd] !== 0) nameEnd++;
      const value = nameEnd + 1;
      const valueEnd = value + valueLength(type, event, value);
      // No two names of the envelope share length and first letter.
      switch ((nameEnd - name) * 256 + event[name]!) {
        case OPERATION_TYPE:
          this.operationType = value;
          break;
        case CLUSTER_TIME:
          this.ordinal = event.readUInt32LE(value);
          this.seconds = event.readUInt32LE(value + 4);
          break;
        case NS:
          this.namespaceStart = value;
          this.namespaceEnd = valueEnd;
          break;
        case FULL_DOCUMENT:
          if (type === BSON_TYPE.document) this.fullDocument = value;
          break;
        case DOCUMENT_KEY:
          this.documentKey = value;
          break;
        case UPDATE_DESCRIPTION:
          if (type === BSON_TYPE.document) this.updateDescription = value;
          break;
        case RAW_UPDATE_DESCRIPTION:
          if (type === BSON_TYPE.document) this.rawUpdateDescription = value;
          break;
        case OPERATION_DESCRIPTION:
          this.operationDescription = value;
          break;
        case TO:
          this.to = value;
          break;
      }
      element = valueEnd;
    }
  }

  decode(): Decoded {
    const kind = rawString(this.event, this.operationType);
    const namespace = this.namespaceStart ? this.internNamespace() : "";
    switch (kind) {
      case "insert":
      case "replace":
        return one(this.write(kind, namespace, this.fullDocument, "fullDocument"));
      case "update":
        if (this.rawUpdateDescription) return one(this.write("diff", namespace, this.rawUpdateDescription, "rawUpdateDescription"));
        return one(this.write("delta", namespace, this.updateDescription, "updateDescription"));
      case "delete":
        return one({ kind, namespace, key: this.document(this.documentKey, "documentKey"), bytes: NOTHING });
      case "drop":
      case "dropDatabase":
        return one({ kind, namespace });
      case "create":
        return one({ kind, namespace, options: this.document(this.operationDescription, "operationDescription") });
      case "modify":
        return one({ kind: "collMod", namespace, options: this.document(this.operationDescription, "operationDescription") });
      case "createIndexes":
        return one({ kind, namespace, indexes: this.indexes() });
      case "dropIndexes":
        return one({ kind, namespace, names: indexNames(this.indexes()) });
      case "rename":
        return one(this.rename(namespace));
      default: {
        const skipped = WITHOUT_EFFECT.get(kind);
        if (skipped) return { operations: [], skipped };
        throw new OplogError("APPLY_FAILED", `The log holds an event of a kind that this program does not know: ${kind} on ${namespace}`, {
          hint: "Use a newer version of Oplog Collector, or a filter that leaves this namespace out.",
        });
      }
    }
  }

  private write(kind: Write["kind"], namespace: string, at: number, field: string): Write {
    return { kind, namespace, key: this.document(this.documentKey, "documentKey"), bytes: this.document(at, field) };
  }

  private rename(namespace: string): Ddl {
    const to = this.document(this.to, "to");
    const dropped = this.operationDescription ? rawElement(this.event, "dropTarget", this.operationDescription) : undefined;
    return { kind: "rename", namespace, to: namespaceText(to, 0), dropTarget: dropped !== undefined && !isFalse(this.event, dropped) };
  }

  private indexes(): Buffer {
    const indexes = rawValue(this.document(this.operationDescription, "operationDescription"), "indexes");
    if (!indexes) throw incomplete("operationDescription.indexes");
    return indexes.bytes;
  }

  private document(at: number, field: string): Buffer {
    if (at === 0) throw incomplete(field);
    return this.event.subarray(at, at + this.event.readInt32LE(at));
  }

  private internNamespace(): string {
    const key = this.event.toString("latin1", this.namespaceStart, this.namespaceEnd);
    let text = this.namespaces.get(key);
    if (text === undefined) {
      if (this.namespaces.size > MAX_INTERNED) this.namespaces.clear();
      text = namespaceText(this.event, this.namespaceStart);
      this.namespaces.set(key, text);
    }
    return text;
  }
}

const NOTHING = Buffer.alloc(0);

/** A deployment that makes names for ever must not fill the memory. */
const MAX_INTERNED = 100_000;

const one = (operation: Operation): Decoded => ({ operations: [operation] });

const incomplete = (field: string): OplogError =>
  new OplogError("APPLY_FAILED", `An event of the log has no ${field}`, {
    hint: "The source's stream was opened without expanded events; such an event can't be restored.",
  });

function namespaceText(bytes: Buffer, at: number): string {
  const db = rawElement(bytes, "db", at);
  const collection = rawElement(bytes, "coll", at);
  const text = db ? rawString(bytes, db.valueStart) : "";
  return collection ? `${text}.${rawString(bytes, collection.valueStart)}` : text;
}

/** `dropTarget` is the dropped collection's UUID; older servers say `true` or `false`. */
const isFalse = (bytes: Buffer, { type, valueStart }: { type: number; valueStart: number }): boolean =>
  type === BSON_TYPE.bool && bytes[valueStart] === 0;

/** The names in an array of index specifications. */
export function indexNames(indexes: Buffer): string[] {
  const names: string[] = [];
  for (const { valueStart } of rawElements(indexes)) {
    const name = rawElement(indexes, "name", valueStart);
    if (name) names.push(rawString(indexes, name.valueStart));
  }
  return names;
}

const nameKey = (name: string): number => name.length * 256 + name.charCodeAt(0);
const OPERATION_TYPE = nameKey("operationType");
const CLUSTER_TIME = nameKey("clusterTime");
const NS = nameKey("ns");
const FULL_DOCUMENT = nameKey("fullDocument");
const DOCUMENT_KEY = nameKey("documentKey");
const UPDATE_DESCRIPTION = nameKey("updateDescription");
const RAW_UPDATE_DESCRIPTION = nameKey("rawUpdateDescription");
const OPERATION_DESCRIPTION = nameKey("operationDescription");
const TO = nameKey("to");
