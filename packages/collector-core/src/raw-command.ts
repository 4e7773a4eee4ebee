import { type Db, type Document, ObjectId, type RunCommandOptions } from "mongodb";
import { DocumentSequence } from "mongodb/lib/cmap/commands.js";

/**
 * How raw BSON is sent with the official driver, which by itself only takes objects that it encodes. The one place that leans on the driver's
 * inside; raw-command.test.ts fails when a release changes what is used here.
 */

/** BSON of a type, as it lies in a document after its name. */
export interface RawElementValue {
  type: number;
  bytes: Buffer;
}

/** Takes the place of a value in a command and writes these bytes instead. */
class RawValue extends ObjectId {
  constructor(
    private readonly nameLength: number,
    private readonly value: RawElementValue,
  ) {
    super(NO_ID);
  }

  /** The driver's encoder calls this after it has written an ObjectId's type and the name; it goes on after the bytes we say we wrote. */
  serializeInto(bytes: Uint8Array, at: number): number {
    bytes[at - 1 - this.nameLength - 1] = this.value.type;
    bytes.set(this.value.bytes, at);
    return this.value.bytes.length;
  }
}

const NO_ID = new Uint8Array(12);

/** A field of a command whose value is these bytes, to be spread into the command. */
export const rawField = (name: string, type: number, bytes: Buffer): Document => ({
  [name]: new RawValue(Buffer.byteLength(name), { type, bytes }),
});

/** A field of a command that holds many documents, sent beside the command and not inside it: together they may have up to 48 MB. */
export interface DocumentsField {
  name: "documents" | "updates" | "deletes";
  /** The documents one after another. Any cut will do: only their sum is sent. */
  chunks: Buffer[];
}

/** Runs a command with one field of raw documents. `command` must begin with the command's name. */
export function runWithDocuments(
  db: Db,
  command: Document,
  { name, chunks }: DocumentsField,
  options: RunCommandOptions = {},
): Promise<Document> {
  const sequence = new DocumentSequence(name);
  for (const bytes of chunks) sequence.push(NO_DOCUMENT, bytes);
  return db.command({ ...command, [name]: sequence }, options);
}

const NO_DOCUMENT = {};
