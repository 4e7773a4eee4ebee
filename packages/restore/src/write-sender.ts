import { BSON_TYPE, formatClusterTime, OplogError } from "@oplog-collector/collector-core";
import type { Document, MongoClient } from "mongodb";
import type { EventPlace, Group, PlacedStatement } from "./lane.js";
import { splitNamespace } from "./operation.js";
import { type DocumentsField, rawField, runWithDocuments } from "./raw-command.js";
import { filterOf, type WriteCommand } from "./statement.js";

/** Statements in one command: beyond some thousand the round trip no longer counts, and a command that must be sent again gets dearer. */
const STATEMENTS_PER_COMMAND = 2_000;

/** Bytes in one command: far from the 48 MB a message may have, and enough for any single document. */
const BYTES_PER_COMMAND = 8 * 1024 * 1024;

const FIELD: Record<WriteCommand, DocumentsField["name"]> = { insert: "documents", update: "updates", delete: "deletes" };

/** Durability is asked for once for many commands, by whoever marks progress. */
const WRITE_CONCERN = { w: 1 };

/** Sends the group's statements, in order, in as few commands as the limits allow. */
export async function sendGroup(client: MongoClient, group: Group): Promise<void> {
  for (let first = 0; first < group.statements.length; ) {
    let next = first;
    for (let bytes = 0; next < group.statements.length && next - first < STATEMENTS_PER_COMMAND; next++) {
      bytes += group.statements[next]!.bytes.length;
      if (bytes > BYTES_PER_COMMAND && next > first) break;
    }
    await sendStatements(client, group, group.statements.slice(first, next));
    first = next;
  }
}

async function sendStatements(
  client: MongoClient,
  group: Pick<Group, "namespace" | "command">,
  statements: PlacedStatement[],
): Promise<void> {
  for (let sent = 0; sent < statements.length; ) {
    const rest = sent === 0 ? statements : statements.slice(sent);
    const reply = await sendCommand(
      client,
      group,
      rest.map(({ bytes }) => bytes),
    );
    const refused = (reply.writeErrors as WriteError[] | undefined)?.[0];
    const done = refused ? refused.index : rest.length;
    await checkMatched(client, group, rest.slice(0, done), Number(reply.n));
    if (!refused) return;
    const statement = rest[done]!;
    // The quick way of an update may be refused where the server's own way is not.
    if (!statement.exact) throw applyFailed(group, statement.place, refused.errmsg, refused);
    await sendStatements(client, group, [{ ...statement, bytes: statement.exact(), exact: undefined }]);
    sent += done + 1;
  }
}

interface WriteError {
  index: number;
  code: number;
  errmsg: string;
}

function sendCommand(
  client: MongoClient,
  { namespace, command }: Pick<Group, "namespace" | "command">,
  chunks: Buffer[],
): Promise<Document> {
  const { db, collection } = splitNamespace(namespace);
  return runWithDocuments(
    client.db(db),
    // `delete` knows no validation to bypass.
    { [command]: collection, ordered: true, writeConcern: WRITE_CONCERN, ...(command !== "delete" && { bypassDocumentValidation: true }) },
    { name: FIELD[command], chunks },
  );
}

/** Finds the statement that met no document, if the count says that there is one. */
async function checkMatched(
  client: MongoClient,
  group: Pick<Group, "namespace" | "command">,
  statements: PlacedStatement[],
  n: number,
): Promise<void> {
  if (group.command !== "update" || n === statements.length) return;
  if (!statements.some(({ mustMatch }) => mustMatch)) return;
  const { db, collection } = splitNamespace(group.namespace);
  for (const { mustMatch, place, write } of statements) {
    if (!mustMatch) continue;
    const found = await client
      .db(db)
      .command({ find: collection, ...rawField("filter", BSON_TYPE.document, filterOf(write)), projection: { _id: 1 }, limit: 1 });
    if (found.cursor.firstBatch.length === 0) throw applyFailed(group, place, "the document that it changes is not there");
  }
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
      hint: "The target must hold exactly what the source held at --from: begin with an empty target and the start of the log, or with a base snapshot.",
    },
  );
}
