/** What an event of a log asks of the target, whichever way it was captured. Byte fields are views into the segment they were read from. */
export type Operation = (Write | Ddl) & {
  /** Of the collection, as 32 hex digits, where the event holds operations on several. */
  uuid?: string;
  /**
   * Set for what a client ran by `applyOps` itself: an insert of what is there has replaced it, an update of what is not there has made it, if
   * `alwaysUpsert` was not false.
   */
  byClient?: { upserts: boolean };
};

/** A change of one document. */
export interface Write {
  kind: WriteKind;
  /** `db.collection`, as on the source until renamed. */
  namespace: string;
  /** The document that identifies the changed one: `{_id}`, with the shard key before it when the source is sharded. */
  key: Buffer;
  /** By kind: the document, its replacement, the `$v: 2` diff, the documented `updateDescription`; for a delete nothing. */
  bytes: Buffer;
}

/**
 * - `insert`, `replace`: `bytes` is the whole document.
 * - `diff`: `bytes` is the server's own update, `{$v: 2, diff: {…}}`.
 * - `delta`: `bytes` is what is documented of an update: `{updatedFields, removedFields, truncatedArrays, disambiguatedPaths?}`.
 * - `delete`: the document is gone.
 */
export type WriteKind = "insert" | "replace" | "diff" | "delta" | "delete";

/** A change of collections, indexes or options. Everything before it is applied first, and everything after it afterwards. */
export type Ddl =
  | { kind: "create"; namespace: string; options: Buffer }
  /** `indexes`: a BSON array of whole specifications. */
  | { kind: "createIndexes"; namespace: string; indexes: Buffer }
  | { kind: "dropIndexes"; namespace: string; names: string[] }
  | { kind: "collMod"; namespace: string; options: Buffer }
  | { kind: "drop"; namespace: string }
  | { kind: "rename"; namespace: string; to: string; dropTarget: boolean }
  /** `namespace` is the database's name. */
  | { kind: "dropDatabase"; namespace: string };

const WRITE_KINDS: ReadonlySet<string> = new Set<WriteKind>(["insert", "replace", "diff", "delta", "delete"]);

export const isWrite = (operation: Operation): operation is Write => WRITE_KINDS.has(operation.kind);

/** Splits at the first dot: a database's name has none. */
export function splitNamespace(namespace: string): { db: string; collection: string } {
  const dot = namespace.indexOf(".");
  return dot < 0 ? { db: namespace, collection: "" } : { db: namespace.slice(0, dot), collection: namespace.slice(dot + 1) };
}
