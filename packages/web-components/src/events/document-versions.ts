import type { EventRow } from "../api/answers.js";
import { applyDiff } from "./document-change.js";
import type { EjsonDocument } from "./ejson-text.js";
import { contentOf, type EventContent } from "./event-content.js";

export interface DocumentVersion {
  row: EventRow;
  content: EventContent;
  /** The document before and after, as far as the log says it: from the first event that holds it as a whole. */
  before: EjsonDocument | null;
  after: EjsonDocument | null;
}

/** From the events of one document, the newest first, to its versions in the same order. */
export function versionsOf(newestFirst: readonly EventRow[]): DocumentVersion[] {
  const versions: DocumentVersion[] = [];
  let current: EjsonDocument | null = null;
  for (const row of [...newestFirst].reverse()) {
    const content = contentOf(row);
    const before: EjsonDocument | null = current;
    if (content.document) current = content.document;
    else if (content.diff && current) current = applyDiff(current, content.diff);
    // A documented update does not say enough to go on from (its paths are ambiguous), a delete leaves nothing.
    else current = null;
    versions.push({ row, content, before, after: current });
  }
  return versions.reverse();
}
