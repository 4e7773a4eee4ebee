import { type Db, MongoClient, type MongoClientOptions, ReadConcern } from "mongodb";
import { OplogError } from "../errors.js";
import { parseLogName } from "../log-name.js";
import { isLoginRefused, loginRefused } from "../refusal.js";
import type { StoreLocation } from "../store.js";
import { ENTRIES_SEGMENTS_SUFFIX, EntriesStore } from "./entries-store.js";
import { isLogName } from "./found-log-name.js";
import { DOCUMENT_BYTES, MongodbStore, SEGMENTS_PREFIX } from "./mongodb-store.js";
import { badUri, type Layout, parseMongodbStoreUri } from "./mongodb-uri.js";

/** What holds unless the URI says otherwise. */
const CLIENT_DEFAULTS = {
  /** The caller retries by its own rules, and wants to know within one age of a few segments that there is no primary. */
  serverSelectionTimeoutMS: 5_000,
  connectTimeoutMS: 5_000,
  /** Ends a connection whose other side vanished without a word. The slowest request, 15 MiB to a busy majority, takes a fraction of it. */
  socketTimeoutMS: 30_000,
  /** One writer, and a few readers at a time. */
  maxPoolSize: 5,
  appName: "oplog-collector",
} satisfies MongoClientOptions;

/**
 * Logs in a database of a MongoDB deployment: the one in the URI's path, `oplog_store` without. Connects; throws `BAD_INPUT` for a URI
 * that can't be used, `LOGIN_REFUSED`, and the driver's own errors for a server that does not answer.
 */
export async function mongodbStoreLocation(uri: string, { documentBytes = DOCUMENT_BYTES } = {}): Promise<StoreLocation> {
  const parsed = parseMongodbStoreUri(uri);
  const client = clientFor(parsed.uri, parsed.parameters);
  const processIds = watchProcessIds(client);
  // What was acknowledged must survive the loss of any minority and of power, and what is read must too: whatever the URI asks for.
  const db = client.db(parsed.database, {
    writeConcern: { w: "majority", journal: true },
    readConcern: new ReadConcern("majority"),
    readPreference: "primary",
  });
  try {
    await client.connect();
    const { topologyVersion } = await db.admin().command({ hello: 1 });
    processIds.add(topologyVersion?.processId);
  } catch (error) {
    await client.close();
    throw isLoginRefused(error) ? loginRefused("store", error) : error;
  }
  return {
    log: async (name) => {
      parseLogName(name);
      await checkLayout(db, name, parsed.layout);
      return parsed.layout === "entries" ? new EntriesStore(db, name, documentBytes) : new MongodbStore(db, name, documentBytes);
    },
    names: (prefix) => namesIn(db, parsed.layout, prefix),
    get deployment() {
      return { processIds: processIds.list(), database: parsed.database };
    },
    close: () => client.close(),
  };
}

function clientFor(uri: string, parameters: Set<string>): MongoClient {
  const unset = Object.entries(CLIENT_DEFAULTS).filter(([name]) => !parameters.has(name.toLowerCase()));
  try {
    return new MongoClient(uri, Object.fromEntries(unset));
  } catch (error) {
    // Without its cause: the driver's message may repeat the URI.
    throw badUri(error instanceof Error ? error.message : "it is malformed", uri);
  }
}

/** The processes of the members that the driver has reached so far: a member that comes later is added as it comes. */
function watchProcessIds(client: MongoClient): { add(id: unknown): void; list(): string[] } {
  const ofMembers = new Map<string, string>();
  const others = new Set<string>();
  client.on("topologyDescriptionChanged", ({ newDescription }) => {
    for (const [address, server] of newDescription.servers)
      if (server.topologyVersion) ofMembers.set(address, `${server.topologyVersion.processId}`);
  });
  return {
    add: (id) => void (id && others.add(`${id}`)),
    list: () => [...new Set([...ofMembers.values(), ...others])].sort(),
  };
}

/** A collector that does not see what another layout has would begin the log again, in its midst. */
async function checkLayout(db: Db, name: string, layout: Layout): Promise<void> {
  const other = layout === "entries" ? "segments" : "entries";
  const isOther =
    other === "entries"
      ? await db.listCollections({ name: `${SEGMENTS_PREFIX}${name}${ENTRIES_SEGMENTS_SUFFIX}` }, { nameOnly: true }).hasNext()
      : await db.collection(`${SEGMENTS_PREFIX}${name}`).findOne({ _id: { $type: "number" } as never }, { projection: { _id: 1 } });
  if (isOther)
    throw new OplogError("BAD_INPUT", `The log ${name} in this database has the layout ${other}`, {
      hint: `${other === "entries" ? "Add ?layout=entries to the store's URI" : "Leave layout=entries out of the store's URI"}, or use another database.`,
    });
}

async function namesIn(db: Db, layout: Layout, prefix = ""): Promise<string[]> {
  const found: string[] = [];
  const suffix = layout === "entries" ? ENTRIES_SEGMENTS_SUFFIX : "";
  // None of the characters of a log's name means anything in a pattern.
  const named = isLogName(prefix.replace(/@$/, "")) ? prefix : "";
  for await (const { name } of db.listCollections({ name: { $regex: `^${SEGMENTS_PREFIX}${named}` } }, { nameOnly: true })) {
    if (!name.endsWith(suffix)) continue;
    const log = name.slice(SEGMENTS_PREFIX.length, name.length - suffix.length);
    // The collections of parts, for one, have no log's name: it can't hold a dot.
    const isOurs = isLogName(log) && log.startsWith(prefix);
    if (isOurs && (await new MongodbStore(db, log, DOCUMENT_BYTES, suffix).hasSegments())) found.push(log);
  }
  return found.sort();
}
