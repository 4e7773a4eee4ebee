import { describeError } from "@oplog-collector/collector-core";
import type { Logger } from "pino";
import type { ClusterStatus } from "./cluster.js";
import type { Registry } from "./registry.js";
import { Repeat } from "./repeat.js";

/** How often figures are written for other nodes to see; states are written at once. */
const FIGURES_INTERVAL_MS = 5_000;

/** Writes what this node says of its clusters, many in one command; what could not be written is tried again until it is. */
export class StatusWriter {
  private readonly pending = new Map<string, ClusterStatus>();
  private readonly writing: Repeat;

  constructor(
    private readonly registry: Registry,
    logger: Logger,
  ) {
    this.writing = new Repeat(
      () => this.flush(),
      FIGURES_INTERVAL_MS,
      (error) => logger.warn({ ...describeError(error) }, "states could not be written; trying again"),
    );
  }

  start(): void {
    this.writing.start();
  }

  note(cluster: string, status: ClusterStatus, urgent: boolean): void {
    this.pending.set(cluster, status);
    if (urgent) this.writing.wake();
  }

  /** Waits for what is noted, or until it fails. */
  async end(): Promise<void> {
    await this.writing.stop();
    await this.flush();
  }

  private async flush(): Promise<void> {
    const batch = new Map(this.pending);
    await this.registry.report(batch);
    for (const [cluster, status] of batch) if (this.pending.get(cluster) === status) this.pending.delete(cluster);
  }
}
