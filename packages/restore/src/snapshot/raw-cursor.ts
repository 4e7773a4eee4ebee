import { type CursorReply, rawElement, rawString, readCursorReply } from "@oplog-collector/collector-core";
import { type ClientSession, type Db, type Document, Long, ReadPreference, type Timestamp } from "mongodb";

/** Documents of one reply, one after another, as the server sent them. */
export interface RawBatch {
  payload: Buffer;
  documents: number;
  /** Where the last document begins in the payload. */
  lastStart: number;
  /** The newest operation that the server knew of when it answered. */
  operationTime: Timestamp | undefined;
}

/** What a reply is meant to have, so that a few of them fit in memory beside their compressed forms. Servers allow 16 MiB. */
export const REPLY_BYTES = 4 * 1024 * 1024;

/** Before anything is known of a collection's documents. */
const FIRST_REPLY_DOCUMENTS = 1_000;

/**
 * Runs a command that opens a cursor (`find`, `listCollections`, `listIndexes`) and reads it to its end. While one reply is worked on, the next
 * is on its way.
 */
export async function* readRawCursor(db: Db, command: Document, session: ClientSession): AsyncGenerator<RawBatch> {
  const options = { session, raw: true, readPreference: ReadPreference.primary };
  const run = async (request: Document): Promise<CursorReply & { namespace: string; operationTime: Timestamp | undefined }> => {
    const { cursor, operationTime } = await db.command(request, options);
    const bytes = Buffer.from(cursor.buffer, cursor.byteOffset, cursor.byteLength);
    return { ...readCursorReply(bytes), namespace: rawString(bytes, rawElement(bytes, "ns")!.valueStart), operationTime };
  };
  const find = "find" in command;
  let reply = await run(find ? { ...command, batchSize: FIRST_REPLY_DOCUMENTS } : command);
  const collection = reply.namespace.slice(db.databaseName.length + 1);
  let open = reply.id;
  let size = FIRST_REPLY_DOCUMENTS;
  try {
    for (;;) {
      const batch = { ...joinDocuments(reply.documents), operationTime: reply.operationTime };
      if (batch.documents > 0) size = Math.max(1, Math.round(REPLY_BYTES / (batch.payload.length / batch.documents)));
      const next = open === 0n ? undefined : run({ getMore: new Long(open), collection, ...(find && { batchSize: size }) });
      next?.catch(() => {}); // awaited below, after the reader is done with this batch
      if (batch.documents > 0 || !next) yield batch;
      if (!next) return;
      reply = await next;
      open = reply.id;
    }
  } finally {
    // Left early: the server would keep the cursor for ten minutes.
    if (open !== 0n) await db.command({ killCursors: collection, cursors: [new Long(open)] }, { session }).catch(() => {});
  }
}

/** The documents of a reply's array without the array around them. */
function joinDocuments(array: Buffer): Pick<RawBatch, "payload" | "documents" | "lastStart"> {
  const payload = Buffer.allocUnsafe(array.length);
  let filled = 0;
  let documents = 0;
  let lastStart = 0;
  for (let at = 4, end = array.length - 1; at < end; documents++) {
    const start = array.indexOf(0, at + 1) + 1;
    at = start + array.readInt32LE(start);
    lastStart = filled;
    filled += array.copy(payload, filled, start, at);
  }
  return { payload: payload.subarray(0, filled), documents, lastStart };
}
