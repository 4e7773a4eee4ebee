import type { EventRow } from "../api/answers.js";
import { type Change, changesOfDescription, changesOfDiff } from "./document-change.js";
import { type EjsonDocument, type EjsonValue, isDocument } from "./ejson-text.js";

/** What an event says, for people: of change events and of oplog entries alike. */
export interface EventContent {
  /** `_id` of the document; undefined for operations on collections and databases. */
  id: EjsonValue | undefined;
  /** What an update did; null for everything else. */
  changes: Change[] | null;
  /** The server's own diff of an update, where the event has it. */
  diff: EjsonDocument | null;
  /** The document that was written as a whole. */
  document: EjsonDocument | null;
  /** Of a command: what it was told. */
  description: EjsonDocument | null;
}

const asDocument = (value: EjsonValue | undefined): EjsonDocument | null => (isDocument(value) ? value : null);

export function contentOf({ event, format }: Pick<EventRow, "event" | "format">): EventContent {
  const parsed = JSON.parse(event) as EjsonDocument;
  return format === "oplog-entry" ? ofOplogEntry(parsed) : ofChangeEvent(parsed);
}

function ofChangeEvent({
  documentKey,
  fullDocument,
  updateDescription,
  rawUpdateDescription,
  operationDescription,
}: EjsonDocument): EventContent {
  const raw = asDocument(rawUpdateDescription);
  const diff = asDocument(raw?.diff);
  const documented = asDocument(updateDescription);
  return {
    id: asDocument(documentKey)?._id,
    changes: diff ? changesOfDiff(diff) : documented ? changesOfDescription(documented) : null,
    diff,
    document: asDocument(fullDocument),
    description: asDocument(operationDescription),
  };
}

function ofOplogEntry({ op, o, o2 }: EjsonDocument): EventContent {
  const object = asDocument(o);
  const diff = op === "u" ? asDocument(object?.diff) : null;
  const isWhole = op === "i" || (op === "u" && !diff);
  return {
    id: asDocument(op === "u" ? o2 : op === "c" ? null : o)?._id,
    changes: diff ? changesOfDiff(diff) : null,
    diff,
    document: isWhole ? object : null,
    description: op === "c" ? object : null,
  };
}

/** One line that says what happened. */
export function changeWords({ changes, document, description }: EventContent): { verb: string; rest: string } {
  if (changes) return { verb: "changed", rest: [...new Set(changes.map(({ path }) => path))].join(", ") };
  if (document)
    return {
      verb: "wrote",
      rest: Object.keys(document)
        .filter((name) => name !== "_id")
        .join(", "),
    };
  return { verb: "", rest: description ? Object.keys(description).join(", ") : "" };
}
