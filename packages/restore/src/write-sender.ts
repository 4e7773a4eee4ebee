import {
  BSON_TYPE,
  type DocumentsField,
  formatClusterTime,
  OplogError,
  rawElements,
  rawField,
  rawValue,
  runWithDocuments,
} from "@oplog-collector/collector-core";
import type { ClientSession, Document, MongoClient } from "mongodb";
import { resolveDeltaIn } from "./delta.js";
import type { EventPlace, Group, PlacedStatement } from "./lane-window.js";
import { splitNamespace } from "./operation.js";
import { encodeResolved, filterOf, type WriteCommand } from "./statement.js";
import type { TargetTerm } from "./target-term.js";

/** Statements in one command: beyond some thousand the round trip no longer counts, and a command that must be sent again gets dearer. */
const STATEMENTS_PER_COMMAND = 2_000;

/** Bytes in one command: far from the 48 MB a message may have, and enough for any single document. */
const BYTES_PER_COMMAND = 8 * 1024 * 1024;

const FIELD: Record<WriteCommand, DocumentsField["name"]> = { insert: "documents", update: "updates", delete: "deletes" };

export interface SendOptions {
  term: TargetTerm;
  /** Of a transaction, which brings its own write concern. */
  session?: ClientSession;
  /** Told what a reader of the report should know. */
  note: (text: string) => void;
}

/** Sends the group's statements, in order, in as few commands as the limits allow. */
export async function sendGroup(client: MongoClient, group: Group, options: SendOptions): Promise<void> {
  const { statements } = group;
  for (let first = 0; first < statements.length; ) {
    const next = endOfCommand(statements, first);
    if (statements[first]!.delta) await sendDelta(client, group, statements[first]!, options);
    else await sendStatements(client, group, statements.slice(first, next), options);
    first = next;
  }
}

/** The first statement that goes into another command. One that needs a look at its document goes alone. */
function endOfCommand(statements: readonly PlacedStatement[], first: number): number {
  if (statements[first]!.delta) return first + 1;
  let bytes = statements[first]!.bytes.length;
  for (let next = first + 1; next < statements.length; next++) {
    bytes += statements[next]!.bytes.length;
    if (next - first === STATEMENTS_PER_COMMAND || bytes > BYTES_PER_COMMAND || statements[next]!.delta) return next;
  }
  return statements.length;
}

type Target = Pick<Group, "namespace" | "command">;

async function sendStatements(client: MongoClient, target: Target, statements: PlacedStatement[], options: SendOptions): Promise<void> {
  for (let sent = 0; sent < statements.length; ) {
    const rest = sent === 0 ? statements : statements.slice(sent);
    const reply = await sendCommand(client, target, rest, options);
    options.term.check(reply);
    const refused = (reply.writeErrors as WriteError[] | undefined)?.[0];
    const done = refused ? refused.index : rest.length;
    await checkMatched(client, target, rest.slice(0, done), Number(reply.n), options);
    if (!refused) return;
    const statement = rest[done]!;
    // The quick way of an update may be refused where the server's own way is not.
    if (!statement.exact || options.session) throw applyFailed(target, statement.place, refused.errmsg, refused);
    await sendStatements(client, target, [{ ...statement, bytes: statement.exact(), exact: undefined }], options);
    sent += done + 1;
  }
}

interface WriteError {
  index: number;
  code: number;
  errmsg: string;
}

/** Durability is asked for once for many commands, by whoever marks progress. */
const WRITE_CONCERN = { writeConcern: { w: 1 } };

async function sendCommand(
  client: MongoClient,
  { namespace, command }: Target,
  statements: readonly PlacedStatement[],
  { session }: SendOptions,
): Promise<Document> {
  const { db, collection } = splitNamespace(namespace);
  try {
    return await runWithDocuments(
      client.db(db),
      // `delete` knows no validation to bypass.
      {
        [command]: collection,
        ordered: true,
        ...(command !== "delete" && { bypassDocumentValidation: true }),
        ...(!session && WRITE_CONCERN),
      },
      { name: FIELD[command], chunks: statements.map(({ bytes }) => bytes) },
      session ? { session } : {},
    );
  } catch (error) {
    throw applyFailed({ namespace, command }, statements[0]!.place, (error as Error).message, error);
  }
}

/** A documented update whose paths depend on what the document holds: everything before it is on the target already. */
async function sendDelta(client: MongoClient, target: Target, statement: PlacedStatement, options: SendOptions): Promise<void> {
  const before = await findRaw(client, target.namespace, filterOf(statement.write), options);
  if (!before) {
    if (statement.mustMatch) throw applyFailed(target, statement.place, NOT_THERE);
    return;
  }
  const { update, undecided } = resolveDeltaIn(statement.delta!, before);
  for (const path of undecided)
    options.note(
      `${target.namespace}: the log does not say whether the update at ${formatClusterTime(statement.place.clusterTime)} means a field named "${path}" or a path; it was taken for a path.`,
    );
  await sendStatements(client, target, [{ ...statement, bytes: encodeResolved(statement.write, update), delta: undefined }], options);
}

/** Finds the statement that met no document, if the count says that there is one. */
async function checkMatched(
  client: MongoClient,
  target: Target,
  statements: readonly PlacedStatement[],
  n: number,
  options: SendOptions,
): Promise<void> {
  if (target.command !== "update" || n === statements.length || !statements.some(({ mustMatch }) => mustMatch)) return;
  for (const { mustMatch, place, write } of statements)
    if (mustMatch && !(await findRaw(client, target.namespace, filterOf(write), options))) throw applyFailed(target, place, NOT_THERE);
}

const NOT_THERE = "the document that it changes is not there";

/** The first document that matches, as it stands. */
export async function findRaw(
  client: MongoClient,
  namespace: string,
  filter: Buffer,
  { session }: Pick<SendOptions, "session"> = {},
): Promise<Buffer | undefined> {
  const { db, collection } = splitNamespace(namespace);
  const command = { find: collection, ...rawField("filter", BSON_TYPE.document, filter), limit: 1, singleBatch: true };
  const { cursor } = await client.db(db).command(command, { raw: true, ...(session && { session }) });
  const batch = rawValue(Buffer.from(cursor as Uint8Array), "firstBatch")!.bytes;
  for (const { valueStart, end } of rawElements(batch)) return batch.subarray(valueStart, end);
  return undefined;
}

export function applyFailed(
  { namespace, command }: { namespace: string; command: string },
  place: EventPlace,
  what: string,
  cause?: unknown,
): OplogError {
  return new OplogError(
    "APPLY_FAILED",
    `The ${command} on ${namespace} at ${formatClusterTime(place.clusterTime)} (segment ${place.segment}) failed: ${what}`,
    {
      cause,
      hint: "The target must hold what the source held at --from: begin with an empty target and the start of the log, or with a base snapshot.",
    },
  );
}
