import type { Document, MongoClient } from "mongodb";
import { skipReason } from "../oplog-entry-rule.js";
import { codeOf } from "../source/classify-error.js";
import { type Holdings, listed } from "./holdings.js";

/** How much of a source is looked at: no deployment is so large that a look is felt. */
export interface LookBounds {
  /** One takes the server about a millisecond. */
  databases: number;
  /** Of one database, as many as the server sends in its first reply. */
  collections: number;
  ms: number;
}

const BOUNDS: LookBounds = { databases: 1_000, collections: 1_000, ms: 5_000 };

/** What a look asks for, beside what is in the databases of users. */
export interface LookScope {
  /** Only this database; null: the whole deployment. */
  database: string | null;
  /** Our user may read the oplog, and with it lists `config` and `local`. Else we don't ask: each refusal is a line in the source's log. */
  monitors: boolean;
  /** It matters whether users can be read. */
  asksForUsers: boolean;
}

/** Reads what a deployment holds, within bounds; throws what a connection throws. */
export async function readHoldings(client: MongoClient, scope: LookScope, bounds: Partial<LookBounds> = {}): Promise<Holdings> {
  const look = new Look(client, { ...BOUNDS, ...bounds });
  await look.atUserDatabases(scope.database);
  const users = scope.database === null ? await look.atDeployment(scope) : "unreadable";
  return look.holdings(users);
}

/** Matched by the server: of a hundred thousand plain collections it sends none. */
const NOTEWORTHY: Document = {
  name: { $not: /^system\.buckets\./ },
  $or: [
    { type: { $in: ["timeseries", "view"] } },
    { "options.capped": true },
    { "options.clusteredIndex": { $exists: true } },
    { name: { $in: ["system.js", "system.profile"] } },
  ],
};

const OF_DEPLOYMENT = new Set(["admin", "config", "local"]);

const USERS = ["system.users", "system.roles"];

/** Of `admin`: what is not the server's, and whether there are users. */
const IN_ADMIN: Document = { $or: [{ name: { $not: /^system\./ } }, { name: { $in: [...USERS, "system.js"] } }] };

/** What the server itself keeps in `local`. */
const LOCAL_OF_SERVER = /^(system\.|replset\.|oplog\.|startup_log$|clustermanager$|me$)/;

/** Unauthorized, and what hosted deployments answer. */
const REFUSED = new Set([13, 8000]);

/** MaxTimeMSExpired. */
const TOO_LONG = 50;

/** So many reasons are told. */
const REASONS = 3;

type Kind = Exclude<keyof Holdings, "users" | "cut">;

/** One look at a deployment. */
class Look {
  private readonly found: Record<Kind, string[]> = {
    ...{ timeSeries: [], capped: [], clustered: [], views: [] },
    ...{ systemJs: [], admin: [], config: [], notReplicated: [] },
  };
  private readonly unseen: string[] = [];
  private readonly until: number;

  constructor(
    private readonly client: MongoClient,
    private readonly bounds: LookBounds,
  ) {
    this.until = performance.now() + bounds.ms;
  }

  async atUserDatabases(only: string | null): Promise<void> {
    const all = only === null ? (await this.databases()).filter((name) => !OF_DEPLOYMENT.has(name)) : [only];
    const missed = (from: number, why: string) => this.unseen.push(`${all.length - from} of ${all.length} databases: ${why}`);
    for (const [index, database] of all.entries()) {
      if (index === this.bounds.databases) return void missed(index, "there are too many");
      if (performance.now() > this.until) return void missed(index, "looking took too long");
      const collections = (await this.list(database, NOTEWORTHY)) ?? [];
      for (const collection of collections) this.found[kindOf(collection)].push(`${database}.${collection.name}`);
    }
  }

  /** Returns what is to be known of users. */
  async atDeployment({ monitors, asksForUsers }: LookScope): Promise<Holdings["users"]> {
    const { found } = this;
    const admin = await this.names("admin", IN_ADMIN);
    found.admin = admin?.filter((name) => !USERS.includes(name)).map((name) => `admin.${name}`) ?? [];
    if (monitors) {
      const config = (await this.names("config"))?.map((name) => `config.${name}`) ?? [];
      found.config = config.filter((namespace) => skipReason({ namespace, operation: "insert" }) === null);
      const local = (await this.names("local"))?.filter((name) => !LOCAL_OF_SERVER.test(name)) ?? [];
      found.notReplicated.push(...local.map((name) => `local.${name}`));
    }
    if (admin && !admin.some((name) => USERS.includes(name))) return "none";
    return asksForUsers && (await this.mayReadUsers()) ? "readable" : "unreadable";
  }

  holdings(users: Holdings["users"]): Holdings {
    const { unseen } = this;
    const more = unseen.length > REASONS ? [`${unseen.length - REASONS} more`] : [];
    const kinds = Object.entries(this.found).map(([kind, names]) => [kind, listed(names)]);
    return { ...Object.fromEntries(kinds), users, cut: unseen.length === 0 ? null : [...unseen.slice(0, REASONS), ...more].join("; ") };
  }

  private async databases(): Promise<string[]> {
    const { databases } = await this.client.db("admin").command({ listDatabases: 1, nameOnly: true, maxTimeMS: this.bounds.ms });
    return databases.map(({ name }: { name: string }) => name);
  }

  private async names(database: string, filter: Document = {}): Promise<string[] | null> {
    return (await this.list(database, filter, true))?.map(({ name }) => name) ?? null;
  }

  /** The collections of the server's first reply, when there is one; says what it leaves out. */
  private async list(database: string, filter: Document, nameOnly = false): Promise<Document[] | null> {
    const db = this.client.db(database);
    const maxTimeMS = Math.max(1, Math.ceil(this.until - performance.now()));
    const command = { listCollections: 1, filter, nameOnly, cursor: { batchSize: this.bounds.collections }, maxTimeMS };
    try {
      // A view may hold text that is no UTF-8; and a cursor is only known by its id as a long.
      const { cursor } = await db.command(command, { enableUtf8Validation: false, promoteLongs: false });
      if (!cursor.id.isZero()) {
        this.unseen.push(`${database}: more than ${cursor.firstBatch.length} collections that are not plain ones`);
        await db.command({ killCursors: cursor.ns.slice(database.length + 1), cursors: [cursor.id] });
      }
      return cursor.firstBatch;
    } catch (error) {
      const code = codeOf(error) ?? 0;
      if (!REFUSED.has(code) && code !== TOO_LONG) throw error;
      this.unseen.push(
        `${database}: ${code === TOO_LONG ? "listing its collections took too long" : "our user may not list its collections"}`,
      );
      return null;
    }
  }

  private async mayReadUsers(): Promise<boolean> {
    try {
      await this.client
        .db("admin")
        .collection("system.users")
        .findOne({}, { projection: { _id: 1 } });
      return true;
    } catch (error) {
      if (REFUSED.has(codeOf(error) ?? 0)) return false;
      throw error;
    }
  }
}

function kindOf({ name, type, options }: Document): Kind {
  if (name === "system.profile") return "notReplicated";
  if (name === "system.js") return "systemJs";
  if (type === "timeseries") return "timeSeries";
  if (type === "view") return "views";
  return options.capped ? "capped" : "clustered";
}
