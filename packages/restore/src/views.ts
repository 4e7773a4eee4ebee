import { BSON_TYPE, document, rawElement, rawElements, rawString, stringElement } from "@oplog-collector/collector-core";
import type { MongoClient } from "mongodb";
import { applyOps, ensureViews } from "./ddl.js";
import { splitNamespace, type Write } from "./operation.js";
import type { Routing } from "./routing.js";
import { entryOf } from "./write-entry.js";

/** Where a database keeps the definitions of its views: documents whose `_id` is the view's name. In the oplog, views are changes of these. */
export const VIEWS = "system.views";

/** The view that a write on a database's `system.views` is about. */
export function viewOf({ key }: Write): string {
  const id = rawElement(key, "_id");
  return id?.type === BSON_TYPE.string ? rawString(key, id.valueStart) : "";
}

/** Changes a view's definition as the server's own oplog application does; doing it again changes nothing. */
export async function writeView(client: MongoClient, write: Write, view: string, routing: Routing): Promise<void> {
  const { db } = splitNamespace(view);
  if (write.kind === "insert") await ensureViews(client, db);
  const bytes = write.kind === "insert" || write.kind === "replace" ? renamed(write.bytes, write.namespace, view, routing) : write.bytes;
  const key = document([stringElement("_id", view)]);
  await applyOps(client, [entryOf({ kind: write.kind, namespace: `${db}.${VIEWS}`, key, bytes })]);
}

/** The definition under the view's name on the target, on the collection's name there. */
function renamed(definition: Buffer, namespace: string, view: string, routing: Routing): Buffer {
  const { db } = splitNamespace(namespace);
  return document(
    [...rawElements(definition)].map(({ name, start, valueStart, end }) => {
      if (name === "_id") return stringElement("_id", view);
      return name === "viewOn" ? viewOnElement(rawString(definition, valueStart), db, routing) : definition.subarray(start, end);
    }),
  );
}

/** `viewOn` names a collection of the view's own database, which may have another name on the target. */
export function viewOnElement(collection: string, db: string, routing: Routing): Buffer {
  return stringElement("viewOn", splitNamespace(routing.nameOnTarget(`${db}.${collection}`)).collection);
}

/** The options of a view, or of anything else, with the name that the collection under it has on the target. */
export function renameViewOn(options: Buffer, db: string, routing: Routing): Buffer {
  const viewOn = rawElement(options, "viewOn");
  if (viewOn?.type !== BSON_TYPE.string) return options;
  return document([
    options.subarray(4, viewOn.start),
    viewOnElement(rawString(options, viewOn.valueStart), db, routing),
    options.subarray(viewOn.end, options.length - 1),
  ]);
}
