import { BSON, type Document, MongoClient } from "mongodb";
import { readEvents } from "../read-events.js";
import type { Store } from "../store.js";
import { DEFAULT_STORE_DATABASE } from "../stores/mongodb-uri.js";
import type { LogPlace } from "./log-place.js";

/** Looked up in one query. */
const COMPARED_AT_ONCE = 1_000;

/**
 * Compares what the layout of entries shows with the log beside it: throws unless there is one document for each event, in its place, and no other;
 * returns how many there are.
 */
export async function compareEntriesWithLog(place: LogPlace, name: string, store: Store): Promise<number> {
  await using client = new MongoClient(place.server!.directUri);
  const entries = client.db(DEFAULT_STORE_DATABASE).collection<Document>(`oplogs_${name}`);
  /** The place in the log that belongs to each key. */
  let wanted = new Map<string, { _id: unknown; segment: number; i: number }>();
  const compare = async () => {
    const keys = [...wanted.values()].map(({ _id }) => _id);
    for await (const { _id, segment, i } of entries.find({ _id: { $in: keys as never[] } }, { projection: { segment: 1, i: 1 } })) {
      const { segment: itsSegment, i: itsPlace } = wanted.get(textOf(_id))!;
      if (segment !== itsSegment || i !== itsPlace)
        throw new Error(`The entry ${textOf(_id)} says ${segment}/${i}, and its event is ${itsSegment}/${itsPlace}`);
      wanted.delete(textOf(_id));
    }
    for (const missing of wanted.values()) throw new Error(`There is no entry for an event: ${JSON.stringify(missing)}`);
    wanted = new Map();
  };
  let [events, segment, i] = [0, 0, 0];
  for await (const event of readEvents(store)) {
    i = event.segment === segment ? i + 1 : 0;
    segment = event.segment;
    const { _id, ts } = BSON.deserialize(event.bytes) as Document;
    const key = event.format === "oplog-entry" ? ts : _id;
    wanted.set(textOf(key), { _id: key, segment, i });
    events++;
    if (wanted.size === COMPARED_AT_ONCE) await compare();
  }
  await compare();
  const found = await entries.countDocuments();
  if (found !== events) throw new Error(`There are ${found} entries, and ${events} events in the log`);
  return found;
}

const textOf = (key: unknown): string => BSON.EJSON.stringify(key as Document);
