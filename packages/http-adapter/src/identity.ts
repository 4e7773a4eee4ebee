/** What someone may do: each role includes those before it. */
export const ROLES = ["viewer", "operator", "admin"] as const;
export type Role = (typeof ROLES)[number];

/** Who asks. */
export interface Identity {
  /** For the audit log. */
  name: string;
  role: Role;
  /** Ids or names of the only clusters this one may see. @default all */
  clusters?: readonly string[];
}

/**
 * What a request needs:
 * - viewer: see clusters, coverage, events, logs, jobs
 * - operator: start, stop, base snapshots, verify, restore plans
 * - admin: register, change, de-register, reset, restore, check any connection string
 */
export const mayAct = (identity: Identity, needed: Role): boolean => ROLES.indexOf(identity.role) >= ROLES.indexOf(needed);

/** Says no by naming only what the asker may know of. */
export const maySee = (identity: Identity, cluster: { id: string; name: string }): boolean =>
  identity.clusters === undefined || identity.clusters.includes(cluster.id) || identity.clusters.includes(cluster.name);
