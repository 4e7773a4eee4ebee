import { BSON } from "mongodb";
import { namespaceMatcher } from "./namespace-glob.js";
import { BSON_TYPE, rawElement, rawElements, rawString, rawValue } from "./raw-bson.js";
import type { StoredEvent } from "./read-events.js";
import type { SegmentHeader } from "./segment.js";

/** Which events are wanted; what is left out does not matter. */
export interface EventFilterOptions {
  /** A pattern of `namespaceMatcher`; a rename is wanted by its old and by its new name. */
  namespace?: string;
  /** As the segments count them: `insert`, `update`, `replace`, `delete`, `drop`, `create` … */
  operation?: string;
  /** The document's `_id`: the same type and the same bytes, so 1 and 1.0 are told apart. Undefined: any; null is a value. */
  id?: unknown;
}

/** The questions to ask of a segment's header, which spares reading its events, and of an event. */
export interface EventFilter {
  segment(header: Pick<SegmentHeader, "counts">): boolean;
  event(event: Pick<StoredEvent, "format" | "bytes" | "kind">): boolean;
}

export interface RawValue {
  type: number;
  bytes: Buffer;
}

/** One change that an event tells of: an `applyOps` entry (a transaction, for one) tells of many. */
export interface Change {
  namespace: string;
  operation: string;
  id: RawValue | undefined;
}

export function eventFilter({ namespace, operation, id }: EventFilterOptions): EventFilter {
  const inNamespace = namespace === undefined ? () => true : namespaceMatcher(namespace);
  const wantedId = id === undefined ? undefined : rawValue(Buffer.from(BSON.serialize({ id })), "id")!;
  const kindWanted = (kind: { namespace: string; operation: string }) =>
    (operation === undefined || kind.operation === operation) && inNamespace(kind.namespace);
  const wanted = (change: Change) => kindWanted(change) && (wantedId === undefined || sameValue(change.id, wantedId));
  return {
    segment: ({ counts }) => counts.some((count) => kindWanted(count) || TELLS_OF_MORE.has(count.operation)),
    event(event) {
      if (wantedId === undefined && kindWanted(event.kind)) return true;
      if (wantedId === undefined && !TELLS_OF_MORE.has(event.kind.operation)) return false;
      for (const change of changesOf(event)) if (wanted(change)) return true;
      return false;
    },
  };
}

/** Operations that concern other namespaces than the one they are counted under: only their events tell. */
const TELLS_OF_MORE = new Set(["rename", "renameCollection", "applyOps"]);

const sameValue = (value: RawValue | undefined, wanted: RawValue): boolean =>
  value !== undefined && value.type === wanted.type && value.bytes.equals(wanted.bytes);

/** An event's changes, itself first. */
export function* changesOf({ format, bytes, kind }: Pick<StoredEvent, "format" | "bytes" | "kind">): Generator<Change> {
  if (format === "oplog-entry") return yield* changesOfEntry(bytes, kind);
  yield { ...kind, id: rawValue(bytes, "documentKey", "_id") };
  const to = kind.operation === "rename" ? rawValue(bytes, "to") : undefined;
  if (to) yield { operation: kind.operation, namespace: `${textOf(to.bytes, "db")}.${textOf(to.bytes, "coll")}`, id: undefined };
}

function* changesOfEntry(entry: Buffer, kind: { namespace: string; operation: string }): Generator<Change> {
  yield { ...kind, id: rawValue(entry, "o2", "_id") ?? rawValue(entry, "o", "_id") };
  if (kind.operation === "renameCollection") yield { ...kind, namespace: textOf(rawValue(entry, "o")?.bytes, "to"), id: undefined };
  const operations = kind.operation === "applyOps" ? rawValue(entry, "o", "applyOps") : undefined;
  if (operations?.type !== BSON_TYPE.array) return;
  for (const { type, valueStart, end } of rawElements(operations.bytes)) {
    if (type !== BSON_TYPE.document) continue;
    const operation = operations.bytes.subarray(valueStart, end);
    yield* changesOfEntry(operation, kindOfOperation(operation));
  }
}

const WRITES: Record<string, string> = { i: "insert", d: "delete", n: "noop" };

/** Of one operation inside an `applyOps`, in the words of the segments' counts. */
function kindOfOperation(operation: Buffer): { namespace: string; operation: string } {
  const op = textOf(operation, "op");
  const namespace = textOf(operation, "ns");
  const object = rawValue(operation, "o")?.bytes;
  const first = object && rawElements(object).next().value;
  if (op === "u") return { namespace, operation: first?.name === "$v" ? "update" : "replace" };
  if (op !== "c" || !first) return { namespace, operation: WRITES[op] ?? op };
  const database = namespace.replace(/\.\$cmd$/, "");
  if (first.type !== BSON_TYPE.string) return { namespace: database, operation: first.name };
  const target = rawString(object, first.valueStart);
  return { namespace: first.name === "renameCollection" ? target : `${database}.${target}`, operation: first.name };
}

function textOf(document: Buffer | undefined, name: string): string {
  const element = document && rawElement(document, name);
  return element?.type === BSON_TYPE.string ? rawString(document!, element.valueStart) : "";
}
