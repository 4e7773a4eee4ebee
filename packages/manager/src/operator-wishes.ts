import { OplogError } from "@oplog-collector/collector-core";
import type { Cluster } from "./cluster.js";
import { shouldRun } from "./cluster-plan.js";
import type { ClusterView } from "./cluster-view.js";
import type { Leases } from "./lease.js";
import type { RegisteredClusters } from "./registered-clusters.js";
import { checkScope, type RegistrationChange, type RegistrationInput, readRegistration, readRegistrationChange } from "./registration.js";
import type { KeyRotation, Registry } from "./registry.js";
import type { SecretBox } from "./secrets.js";

/** A removal is mostly done within a second or two; a store that does not answer keeps it waiting. */
const REMOVAL_PATIENCE_MS = 25_000;
const REMOVAL_LOOK_MS = 100;

export interface OperatorWishesOptions {
  registry: Registry;
  known: RegisteredClusters;
  secrets: Pick<SecretBox, "keyIds">;
  leases: Pick<Leases, "nodesWithoutKey">;
  /** Has the wish acted on now, rather than at the next look. */
  look: () => void;
}

/** What the operator wants of a cluster, written down for whichever node owns it, and shown at once. */
export class OperatorWishes {
  constructor(private readonly options: OperatorWishesOptions) {}

  async register(input: RegistrationInput): Promise<ClusterView> {
    return this.wished(await this.registry.add(readRegistration(input)));
  }

  async change(id: string, change: RegistrationChange): Promise<ClusterView> {
    const changed = readRegistrationChange(change);
    checkScope({ ...(await this.registry.get(id)), ...changed });
    return this.wished(await this.registry.change(id, changed));
  }

  async start(id: string, { acceptGap = false }: { acceptGap?: boolean }): Promise<ClusterView> {
    // An error shows before it is written: who sees it may start at once.
    const cluster = this.options.known.newest(await this.registry.get(id));
    refuseWhileRemoved(cluster);
    if (shouldRun(cluster)) throw new OplogError("CONFLICT", `${cluster.name} runs already`, { hint: "Stop it first to start it anew." });
    return this.wished(await this.registry.want(cluster.id, "running", { acceptGap }));
  }

  async stop(id: string): Promise<ClusterView> {
    const cluster = await this.registry.get(id);
    if (cluster.desired === "stopped") throw new OplogError("CONFLICT", `${cluster.name} is stopped already`);
    return this.wished(await this.registry.want(cluster.id, "stopped"));
  }

  async reset(id: string): Promise<ClusterView> {
    const cluster = await this.registry.get(id);
    refuseWhileRemoved(cluster);
    if (cluster.task) throw new OplogError("CONFLICT", `${cluster.name} is being reset already`);
    return this.wished(await this.registry.wantTask(cluster.id, "reset"));
  }

  /** Resolves when it is gone. */
  async remove(id: string, { keepData = false }: { keepData?: boolean }): Promise<void> {
    const { registry, known } = this.options;
    const cluster = await registry.wantTask(id, keepData ? "remove-keep-data" : "remove");
    this.wished(cluster);
    const deadline = performance.now() + REMOVAL_PATIENCE_MS;
    while (await registry.has(cluster.id)) {
      if (performance.now() > deadline) throw this.notRemovedYet(cluster);
      await new Promise((resolve) => setTimeout(resolve, REMOVAL_LOOK_MS));
    }
    known.drop(cluster.id);
  }

  async rotateKey(): Promise<KeyRotation> {
    const { registry, secrets, leases } = this.options;
    const without = await leases.nodesWithoutKey(secrets.keyIds[0]!);
    if (without.length > 0)
      throw new OplogError(
        "CONFLICT",
        `The newest encryption key is not known to ${without.join(", ")}, which could read nothing after it`,
        {
          hint: "Start every server with the same keys, the newest first; then try again.",
        },
      );
    return registry.rotateKey();
  }

  private notRemovedYet({ id, name }: Cluster): OplogError {
    const { known } = this.options;
    const cluster = known.find(id);
    const why = (cluster && known.view(cluster).error?.message) ?? "its server has not got to it";
    return new OplogError("UNREACHABLE", `${name} is not removed yet: ${why}`, {
      hint: "It is removed as soon as its store answers. Remove it with keepData to leave the store alone.",
    });
  }

  private get registry(): Registry {
    return this.options.registry;
  }

  private wished(cluster: Cluster): ClusterView {
    this.options.look();
    return this.options.known.put(cluster);
  }
}

function refuseWhileRemoved({ name, task }: Cluster): void {
  if (task && task.kind !== "reset") throw new OplogError("CONFLICT", `${name} is being removed`);
}
