/// <reference path="../../../scripts/vitest-context.d.ts" />
import { randomBytes, randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type Db, MongoClient } from "mongodb";
import { waitFor } from "../../../scripts/wait-for.mjs";
import type { ClusterView } from "./cluster-view.js";
import { createManager, type Manager } from "./manager.js";
import type { ManagerOptions } from "./manager-options.js";
import { SecretBox } from "./secrets.js";

export const newKeyText = (): string => randomBytes(32).toString("hex");

/** A metadata database of its own, a directory for stores and logs, and managers that end with it. */
export class Installation implements AsyncDisposable {
  readonly database = `meta_${randomUUID().slice(0, 8)}`;
  readonly key = newKeyText();
  readonly metadata: Db;
  private readonly client: MongoClient;
  private readonly managers = new Set<Manager>();

  private constructor(
    readonly uri: string,
    readonly directory: string,
  ) {
    this.client = new MongoClient(uri);
    this.metadata = this.client.db(this.database);
  }

  static async open(uri: string): Promise<Installation> {
    return new Installation(uri, await mkdtemp(join(tmpdir(), "oplog-manager-")));
  }

  get metadataUri(): string {
    return this.uri.replace(/\/(\?|$)/, `/${this.database}$1`);
  }

  get storeUri(): string {
    return pathToFileURL(join(this.directory, "store")).href;
  }

  get logDir(): string {
    return join(this.directory, "logs");
  }

  /** A database of the server as a source. */
  source(name = `src_${randomUUID().slice(0, 8)}`): Db {
    return this.client.db(name);
  }

  async manager(options: Partial<ManagerOptions> = {}): Promise<Manager> {
    const secrets = SecretBox.fromKeys([this.key]);
    const manager = await createManager({ metadataUri: this.metadataUri, secrets, logDir: this.logDir, ...options });
    await manager.begin();
    this.managers.add(manager);
    return manager;
  }

  async end(manager: Manager): Promise<void> {
    this.managers.delete(manager);
    await manager.end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.managers].map((manager) => manager.end()));
    await this.metadata.dropDatabase();
    await this.client.close();
    await rm(this.directory, { recursive: true, force: true });
  }
}

/** Waits until the API shows the cluster so; says how it was instead. */
export async function shows(
  manager: Pick<Manager, "get">,
  id: string,
  what: string,
  condition: (view: ClusterView) => boolean,
  timeoutMs = 30_000,
): Promise<ClusterView> {
  let last: ClusterView | undefined;
  try {
    return await waitFor(
      what,
      async () => {
        last = await manager.get(id);
        return condition(last) ? last : null;
      },
      { timeoutMs, everyMs: 20 },
    );
  } catch (error) {
    throw new Error(`${(error as Error).message}; it shows ${JSON.stringify(last)}`, { cause: error });
  }
}

export const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};
