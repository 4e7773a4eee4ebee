import type { Collection, Db } from "mongodb";

/** The right to run one cluster's collector. */
export interface Lease {
  /** The cluster's id. */
  _id: string;
  node: string;
  /** Grows each time that it is taken: what an earlier owner still says can be told from what the present one says. */
  fence: number;
  /** By the clock of the metadata database, the only one that all nodes share. */
  expiresAt: Date;
}

/** A dead node's clusters are free after this. With a look each second and a start of a second or two they run elsewhere within 15 s. */
export const LEASE_MS = 9_000;

/** Four tries before it expires. */
export const RENEW_INTERVAL_MS = 2_000;

/** A node that could not renew for this long ends its collectors before another may begin. */
export const RENEWAL_PATIENCE_MS = 6_000;

/** Which node runs which cluster: in `collector_leases`, timed by the metadata database alone. */
export class Leases {
  private readonly leases: Collection<Lease>;
  private readonly nodes: Collection<{ _id: string; seenAt: Date; keys: string[] }>;

  constructor(
    db: Db,
    readonly node: string,
    /** Which keys this node can decrypt with. */
    private readonly keys: readonly string[] = [],
  ) {
    this.leases = db.collection("collector_leases");
    this.nodes = db.collection("collector_nodes");
  }

  /** Takes the lease if it is free or ours; null when another node has it. */
  async acquire(cluster: string): Promise<Lease | null> {
    const { node } = this;
    const free = { $or: [{ $lte: [{ $ifNull: ["$expiresAt", "$$NOW"] }, "$$NOW"] }, { $eq: ["$node", node] }] };
    const lease = await this.leases.findOneAndUpdate(
      { _id: cluster },
      [
        {
          $set: {
            fence: { $add: [{ $ifNull: ["$fence", 0] }, { $cond: [free, 1, 0] }] },
            expiresAt: { $cond: [free, { $add: ["$$NOW", LEASE_MS] }, "$expiresAt"] },
            node: { $cond: [free, node, "$node"] },
          },
        },
      ],
      { upsert: true, returnDocument: "after", ...MAJORITY },
    );
    return lease?.node === node ? lease : null;
  }

  /** Renews those of these clusters that are still ours; returns their ids. Also says that this node lives. */
  async renew(clusters: readonly string[]): Promise<Set<string>> {
    const mine = { _id: { $in: [...clusters] }, node: this.node, $expr: { $gt: ["$expiresAt", "$$NOW"] } };
    await this.nodes.updateOne({ _id: this.node }, [{ $set: { seenAt: "$$NOW", keys: { $literal: this.keys } } }], {
      upsert: true,
      ...MAJORITY,
    });
    if (clusters.length === 0) return new Set();
    await this.leases.updateMany(mine, [{ $set: { expiresAt: { $add: ["$$NOW", LEASE_MS] } } }], MAJORITY);
    return new Set((await this.leases.find(mine, { projection: { _id: 1 } }).toArray()).map((lease) => lease._id));
  }

  /** Who has which cluster at the moment, and which nodes live. */
  async view(): Promise<{ owners: Map<string, string>; nodes: Set<string> }> {
    const [leases, nodes] = await Promise.all([
      this.leases.find({ $expr: { $gt: ["$expiresAt", "$$NOW"] } }).toArray(),
      this.nodes.find(LIVING).toArray(),
    ]);
    return { owners: new Map(leases.map((lease) => [lease._id, lease.node])), nodes: new Set([this.node, ...nodes.map(({ _id }) => _id)]) };
  }

  /** The living nodes that could not read what is encrypted with that key. */
  async nodesWithoutKey(key: string): Promise<string[]> {
    const nodes = await this.nodes.find({ ...LIVING, _id: { $ne: this.node }, keys: { $ne: key } }).toArray();
    return nodes.map(({ _id }) => _id);
  }

  async release(cluster: string): Promise<void> {
    await this.leases.updateOne({ _id: cluster, node: this.node }, [{ $set: { expiresAt: "$$NOW", node: null } }], MAJORITY);
  }

  /** The cluster is gone for good. */
  async forget(cluster: string): Promise<void> {
    await this.leases.deleteOne({ _id: cluster, node: this.node }, MAJORITY);
  }

  /** Nodes that have not been seen for a day are not coming back under that name. */
  async prepare(): Promise<void> {
    await this.nodes.createIndex({ seenAt: 1 }, { expireAfterSeconds: 24 * 3600 });
  }

  /** This node ends. */
  async leave(): Promise<void> {
    await this.nodes.deleteOne({ _id: this.node }, MAJORITY);
  }
}

/** Seen within the time of a lease. */
const LIVING = { $expr: { $gt: [{ $add: ["$seenAt", LEASE_MS] }, "$$NOW"] } };

const MAJORITY = { writeConcern: { w: "majority" as const } };
