import { BSON_TYPE, rawElement, rawElements, rawValue } from "@oplog-collector/collector-core";
import type { MongoClient } from "mongodb";
import type { EventPlace } from "./lane-window.js";
import { splitNamespace, type Write } from "./operation.js";

interface Held {
  namespace: string;
  write: Write;
  place: EventPlace;
}

/**
 * Writes on capped collections that an interrupted run may have applied. Inserting again what was pushed out since would change the order of
 * what is there. But they are applied one after another, so the newest document on the target tells how far that run came: they are held until
 * all that it may have applied is known, and those up to the insert of that document are left out.
 */
export class CappedRepeat {
  private held = new Map<string, Held[]>();

  constructor(private readonly client: MongoClient) {}

  hold(namespace: string, write: Write, place: EventPlace): void {
    const held = this.held.get(namespace);
    if (held) held.push({ namespace, write, place });
    else this.held.set(namespace, [{ namespace, write, place }]);
  }

  /** What is still to be applied. */
  async release(): Promise<Held[]> {
    const left: Held[] = [];
    for (const [namespace, held] of this.held) {
      const newest = await this.newestId(namespace);
      const applied = newest === undefined ? -1 : held.findIndex(({ write }) => write.kind === "insert" && idOf(write.bytes) === newest);
      left.push(...held.slice(applied + 1));
    }
    this.held = new Map();
    return left;
  }

  private async newestId(namespace: string): Promise<string | undefined> {
    const { db, collection } = splitNamespace(namespace);
    const command = { find: collection, sort: { $natural: -1 }, projection: { _id: 1 }, limit: 1, singleBatch: true };
    const { cursor } = await this.client.db(db).command(command, { raw: true });
    const batch = rawValue(Buffer.from(cursor as Uint8Array), "firstBatch")!.bytes;
    for (const { type, valueStart, end } of rawElements(batch))
      if (type === BSON_TYPE.document) return idOf(batch.subarray(valueStart, end));
    return undefined;
  }
}

/** Equal for equal bytes of the `_id`. */
function idOf(document: Buffer): string {
  const id = rawElement(document, "_id");
  return id ? document.toString("latin1", id.start, id.end) : "";
}
