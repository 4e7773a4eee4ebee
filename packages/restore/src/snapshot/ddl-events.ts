import {
  BSON_TYPE,
  type ClusterTime,
  rawElement,
  rawString,
  rawValue,
  readEvents,
  type SegmentHeader,
  type Store,
  type StoredEvent,
} from "@oplog-collector/collector-core";
import { BSON } from "mongodb";
import { isInSnapshots, uuidOf } from "./source-catalogue.js";

/** A change of what collections there are, as far as a base snapshot must know it. */
export interface DdlEvent {
  time: ClusterTime;
  /** `other`: indexes, options. */
  operation: "create" | "drop" | "rename" | "dropDatabase" | "other";
  database: string;
  /** `db.collection`; the database's name for `dropDatabase`. */
  namespace: string;
  /** Null for views and databases. */
  uuid: string | null;
  /** Of a rename. */
  to?: string;
  /** The collection that a rename dropped. */
  dropTarget?: string;
}

/** The operations of change events, and of oplog entries, that change documents only. */
const DOCUMENT_OPERATIONS = new Set(["insert", "update", "replace", "delete", "i", "u", "d", "n", "noop"]);

const mayHoldDdl = ({ counts }: SegmentHeader): boolean => counts.some(({ operation }) => !DOCUMENT_OPERATIONS.has(operation));

/** The DDL events of `(after, to]`, in order. Segments without any are not read. */
export async function readDdlEvents(store: Store, after: ClusterTime, to: ClusterTime): Promise<DdlEvent[]> {
  const events: DdlEvent[] = [];
  for await (const event of readEvents(store, { after, to, wanted: mayHoldDdl })) events.push(...ddlOf(event));
  return events.filter(({ namespace }) => isInSnapshots(namespace));
}

export function ddlOf(event: StoredEvent): DdlEvent[] {
  return event.format === "oplog-entry" ? ddlOfEntry(event.bytes, event.clusterTime) : ddlOfChange(event);
}

/** The UUID of the collection that an event is about, as 32 hex digits. */
export function collectionUuid({ bytes, format }: Pick<StoredEvent, "bytes" | "format">): string | null {
  const uuid = rawElement(bytes, format === "oplog-entry" ? "ui" : "collectionUUID");
  return uuid?.type === BSON_TYPE.binary ? uuidOf(bytes.subarray(uuid.valueStart, uuid.end)) : null;
}

function ddlOfChange(event: StoredEvent): DdlEvent[] {
  const { bytes, clusterTime: time, kind } = event;
  if (DOCUMENT_OPERATIONS.has(kind.operation) || kind.operation === "invalidate") return [];
  const { namespace } = kind;
  const dot = namespace.indexOf(".");
  const common = { time, database: dot < 0 ? namespace : namespace.slice(0, dot), namespace, uuid: collectionUuid(event) };
  switch (kind.operation) {
    case "create":
    case "drop":
    case "dropDatabase":
      return [{ ...common, operation: kind.operation }];
    case "rename": {
      const to = rawValue(bytes, "to") ?? rawValue(bytes, "operationDescription", "to");
      const target = rawValue(bytes, "operationDescription", "dropTarget");
      const name = (field: string) => rawString(to!.bytes, rawElement(to!.bytes, field)!.valueStart);
      return [
        {
          ...common,
          operation: "rename",
          to: `${name("db")}.${name("coll")}`,
          ...(target?.type === BSON_TYPE.binary && { dropTarget: uuidOf(target.bytes) }),
        },
      ];
    }
    default:
      return [{ ...common, operation: "other" }];
  }
}

/** Commands of the oplog that change collections, their indexes or options; `applyOps` holds others. */
function ddlOfEntry(entry: Buffer, time: ClusterTime): DdlEvent[] {
  const op = rawElement(entry, "op");
  if (!op || rawString(entry, op.valueStart) !== "c") return [];
  const ns = rawString(entry, rawElement(entry, "ns")!.valueStart);
  const database = ns.slice(0, ns.indexOf("."));
  const command = rawValue(entry, "o")!.bytes;
  const { name, valueStart, type } = rawElementsFirst(command);
  const text = type === BSON_TYPE.string ? rawString(command, valueStart) : "";
  const common = { time, database, namespace: `${database}.${text}`, uuid: collectionUuid({ bytes: entry, format: "oplog-entry" }) };
  switch (name) {
    case "applyOps": {
      const inner = rawValue(command, "applyOps")!.bytes;
      return Object.values(BSON.deserialize(inner)).flatMap((operation) => ddlOfEntry(Buffer.from(BSON.serialize(operation)), time));
    }
    case "create":
    case "drop":
      return [{ ...common, operation: name }];
    case "dropDatabase":
      return [{ ...common, namespace: database, uuid: null, operation: "dropDatabase" }];
    case "renameCollection": {
      const target = rawValue(command, "dropTarget");
      return [
        {
          ...common,
          namespace: text,
          operation: "rename",
          to: rawString(command, rawElement(command, "to")!.valueStart),
          ...(target?.type === BSON_TYPE.binary && { dropTarget: uuidOf(target.bytes) }),
        },
      ];
    }
    case "startIndexBuild":
    case "abortIndexBuild":
    case "commitTransaction":
    case "abortTransaction":
      return [];
    default:
      return [{ ...common, operation: "other" }];
  }
}

function rawElementsFirst(command: Buffer): { name: string; type: number; valueStart: number } {
  const nameEnd = command.indexOf(0, 5);
  return { name: command.toString("utf8", 5, nameEnd), type: command[4]!, valueStart: nameEnd + 1 };
}
