import { namespaceMatcher, OplogError } from "@oplog-collector/collector-core";

import { splitNamespace } from "./operation.js";

/** Which namespaces are applied, and under which names. */
export interface RoutingOptions {
  /** Patterns; none means all. */
  ns?: readonly string[];
  excludeNs?: readonly string[];
  /** Users and roles too. @default false: another deployment has its own, and one's login must not change while one restores */
  users?: boolean;
  /** `shop=shop_restored` for a database, `shop.orders=shop.orders_old` for a collection (which goes first). */
  renames?: readonly string[];
  /** Namespaces that a rename within the range turns into wanted ones: the work collections of `$out`, for example. */
  alsoWanted?: ReadonlySet<string>;
}

/** Where one namespace of the source goes. */
export type Route = { skip: string } | Destination;

interface Destination {
  skip?: undefined;
  namespace: string;
  db: string;
  collection: string;
}

/** Where this package keeps its progress on a target. A log of a source that was itself restored into holds writes to it. */
export const PROGRESS_DATABASE = "oplog_collector_restore";

/** What belongs to a deployment and not to its users; copied onto another one it would do harm. */
function ownBookkeeping(namespace: string, users: boolean): string | undefined {
  const { db, collection } = splitNamespace(namespace);
  if (db === "config" || db === "local") return `${db}.*: the source's own bookkeeping`;
  if (db === PROGRESS_DATABASE) return `${PROGRESS_DATABASE}.*: the progress of a restore`;
  if (db === "admin" && collection === "system.keys") return "admin.system.keys: the source's own signing keys";
  if (isServersInAdmin(namespace) && !users) return "users and roles are applied with --users only";
  if (collection === "system.profile") return "system.profile: belongs to one server";
  return undefined;
}

/** What the server keeps in `admin`: users and roles, keys, the version of their form. The rest there is its users'. */
export const isServersInAdmin = (namespace: string): boolean => namespace.startsWith("admin.system.") && !OF_USERS.test(namespace);

/** System collections that hold what users made. */
const OF_USERS = /^admin\.system\.(js$|views$|buckets\.)/;

/** A time series is one thing under two names: the view that users see and the collection of its buckets. */
const BUCKETS = "system.buckets.";

export const bucketsOf = (collection: string): string => BUCKETS + collection;

export const isBuckets = (collection: string): boolean => collection.startsWith(BUCKETS);

/** The name by which users know it. */
export function plainName(namespace: string): string {
  const { db, collection } = splitNamespace(namespace);
  return isBuckets(collection) ? `${db}.${collection.slice(BUCKETS.length)}` : namespace;
}

export class Routing {
  private readonly routes = new Map<string, Route>();
  /** With renames: whose name on the target each one is. */
  private readonly owners = new Map<string, string>();
  private readonly wanted: ((namespace: string) => boolean)[];
  private readonly unwanted: ((namespace: string) => boolean)[];
  private readonly renames: ReadonlyMap<string, string>;
  private readonly alsoWanted: ReadonlySet<string>;
  private readonly users: boolean;

  constructor({ ns = [], excludeNs = [], users = false, renames = [], alsoWanted = new Set() }: RoutingOptions) {
    this.users = users;
    this.wanted = ns.map(namespaceMatcher);
    this.unwanted = excludeNs.map(namespaceMatcher);
    this.renames = parseRenames(renames);
    this.alsoWanted = alsoWanted;
  }

  get filters(): boolean {
    return this.wanted.length > 0 || this.unwanted.length > 0;
  }

  /** `namespace` may be a database's name. Throws when renames give two things one name: applied, each would write into the other. */
  route(namespace: string): Route {
    let route = this.routes.get(namespace);
    if (!route) {
      if (this.routes.size > MAX_ROUTES) this.routes.clear();
      route = this.find(namespace);
      if (this.renames.size > 0 && route.skip === undefined) this.own(route.namespace, namespace);
      this.routes.set(namespace, route);
    }
    return route;
  }

  /** What it is called on the target, whether or not it is applied. */
  nameOnTarget(namespace: string): string {
    const { db, collection } = splitNamespace(namespace);
    const { namespace: name } = this.renamed(db, collection, plainName(namespace));
    return name;
  }

  private own(name: string, namespace: string): void {
    const owner = this.owners.get(name) ?? namespace;
    if (owner !== namespace) throw sameName(owner, namespace, name);
    this.owners.set(name, owner);
  }

  private find(namespace: string): Route {
    const { db, collection } = splitNamespace(namespace);
    const own = ownBookkeeping(namespace, this.users);
    if (own) return { skip: own };
    // Users were asked for by an option of their own, and their collections have no other names.
    if (isServersInAdmin(namespace)) return { namespace, db, collection };
    const plain = plainName(namespace);
    const matches = (match: (namespace: string) => boolean) => match(plain) || match(namespace);
    if (!this.alsoWanted.has(namespace)) {
      if (this.wanted.length > 0 && !this.wanted.some(matches)) return { skip: "left out by --ns" };
      if (this.unwanted.some(matches)) return { skip: "left out by --exclude-ns" };
      if (collection === "" && this.filters) return this.wholeDatabase(db);
    }
    return this.renamed(db, collection, plain);
  }

  /** An operation on a database touches collections that a filter may leave out, so only a filter on databases lets it through. */
  private wholeDatabase(db: string): Route {
    if (this.unwanted.length > 0)
      return { skip: "on a whole database, of which --exclude-ns may leave out a part; its collections' own drops are applied" };
    return this.renamed(db, "", db);
  }

  private renamed(db: string, collection: string, plain: string): Destination {
    const exact = collection === "" ? undefined : this.renames.get(plain);
    if (exact !== undefined) {
      const to = splitNamespace(exact);
      const name = isBuckets(collection) ? bucketsOf(to.collection) : to.collection;
      return { namespace: `${to.db}.${name}`, db: to.db, collection: name };
    }
    const toDb = this.renames.get(db) ?? db;
    return { namespace: collection === "" ? toDb : `${toDb}.${collection}`, db: toDb, collection };
  }
}

/** A deployment that makes names for ever must not fill the memory. */
const MAX_ROUTES = 100_000;

function parseRenames(renames: readonly string[]): Map<string, string> {
  const parsed = new Map<string, string>();
  for (const rename of renames) {
    const [from, to, ...more] = rename.split("=");
    const sameDepth = from?.includes(".") === to?.includes(".");
    if (!from || !to || more.length > 0 || !sameDepth)
      throw new OplogError("BAD_INPUT", `The rename ${JSON.stringify(rename)} can't be used`, {
        hint: 'Write "shop=shop_restored" for a database, "shop.orders=shop.orders_old" for a collection.',
      });
    if (parsed.has(from)) throw new OplogError("BAD_INPUT", `${from} is renamed twice`, { hint: "Give each name once." });
    const other = to.includes(".") && [...parsed].find(([, taken]) => taken === to);
    if (other) throw sameName(other[0], from, to);
    parsed.set(from, to);
  }
  return parsed;
}

const sameName = (one: string, other: string, name: string): OplogError =>
  new OplogError("BAD_INPUT", `${one} and ${other} would both be ${name} on the target`, {
    hint: "Give each a name of its own with --rename, or leave one out with --exclude-ns.",
  });

/**
 * The namespaces that a filter leaves out and that a rename turns into wanted ones: `$out`, for example, fills a work collection and gives it the
 * wanted name at the end. `renames` in the order of the log.
 */
export function wantedByRename(renames: readonly { namespace: string; to: string }[], options: RoutingOptions): Set<string> {
  const routing = new Routing(options);
  const wanted = new Set<string>();
  for (const { namespace, to } of renames.toReversed()) {
    const isWanted = wanted.has(to) || routing.route(to).skip === undefined;
    if (isWanted && routing.route(namespace).skip !== undefined) wanted.add(namespace);
  }
  return wanted;
}
