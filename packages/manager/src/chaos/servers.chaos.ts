/// <reference path="../../../../scripts/vitest-context.d.ts" />
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { formatClusterTime, openStore, parseClusterTime, readCoverage, verifyLog } from "@oplog-collector/collector-core";
import { MongoClient } from "mongodb";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startReplicaSet } from "../../../../scripts/replica-set.mjs";
import { waitFor } from "../../../../scripts/wait-for.mjs";
import { compareWithControl } from "../../../collector-core/src/chaos/control-reader.js";
import { record } from "../../../collector-core/src/chaos/results.js";
import { CHAOS_SEED, scaled } from "../../../collector-core/src/chaos/scale.js";
import { Random } from "../../../collector-core/src/simulation/random.js";
import type { ClusterView } from "../cluster-view.js";
import { Installation } from "../manager-for-test.js";
import { collectorProcesses } from "./collector-processes.js";
import { ManagerProcess } from "./manager-process.js";

const SERVERS = 3;
const CLUSTERS = scaled(6, 30);
const CHAOS_MS = scaled(14_000, 600_000);
const WRITES_PER_SECOND = 100;

let set: Awaited<ReturnType<typeof startReplicaSet>>;
beforeAll(async () => {
  // The oplog must hold a whole run, for the control.
  set = await startReplicaSet({ oplogSizeMB: 1024, name: "servers" });
}, 120_000);
afterAll(() => set?.stop(), 120_000);

const TIMEOUT_MS = CHAOS_MS + 180_000;

test(
  "servers and collectors killed, clusters stopped, started and reset at random: each log exact, one owner each, no orphan, every state true",
  async () => {
    const random = new Random(CHAOS_SEED);
    console.log(`servers: CHAOS_SEED=${CHAOS_SEED}`);
    const prefix = `c${randomUUID().slice(0, 6)}-`;
    await using installation = await Installation.open(set.uri);
    await using chaos = new Chaos(installation, prefix, random);
    await chaos.begin();
    const strokes = await chaos.rage(CHAOS_MS);
    const last = await chaos.calm();

    const views = await chaos.truth(last);
    expect(new Set(views.map(({ node }) => node)).size).toBeGreaterThan(1);

    let events = 0;
    for (const { name, database } of views) {
      await using location = disposable(await openStore(installation.storeUri));
      const store = await location.log(name);
      const coverage = await readCoverage(store);
      expect({ name, gaps: coverage.gaps, timelines: coverage.timelines.length }).toEqual({ name, gaps: [], timelines: 1 });
      const { from } = coverage.timelines[0]!;
      const equal = await compareWithControl(store, {
        uri: set.uri,
        capture: "change-stream",
        database: database!,
        after: from.clusterTime,
        to: last,
      }).catch((error) => {
        throw new Error(`${name} from ${formatClusterTime(from.clusterTime)}: ${error.message}`);
      });
      expect(await verifyLog(store, name)).toMatchObject({ ok: true, events: equal.events });
      events += equal.events;
    }
    expect(events).toBeGreaterThan(0);
    const ending = await Promise.all(chaos.servers.map((server) => server.end()));
    for (const took of ending) expect(took).toBeLessThan(10_000);
    expect(await collectorProcesses(prefix)).toEqual(new Map());
    record("Many servers, many clusters", {
      ...Object.fromEntries(strokes),
      clusters: CLUSTERS,
      "events, each in its log once": events,
      "slowest end in order of a server, ms": Math.round(Math.max(...ending)),
      seed: CHAOS_SEED,
    });
  },
  TIMEOUT_MS,
);

class Chaos implements AsyncDisposable {
  readonly servers: ManagerProcess[] = [];
  private readonly databases: string[] = [];
  private readonly client: MongoClient;
  private writing = true;
  private writer: Promise<void> = Promise.resolve();
  private readonly strokes = new Map<string, number>();
  private readonly frozen: Promise<void>[] = [];

  constructor(
    private readonly installation: Installation,
    private readonly prefix: string,
    private readonly random: Random,
  ) {
    this.client = new MongoClient(installation.uri);
  }

  server(): ManagerProcess {
    return this.random.pick(this.servers.filter(({ alive }) => alive));
  }

  async begin(): Promise<void> {
    this.servers.push(...(await Promise.all(Array.from({ length: SERVERS }, () => this.newServer()))));
    for (let i = 0; i < CLUSTERS; i++) {
      const name = `${this.prefix}${i}`;
      this.databases.push(`${this.prefix}db${i}`);
      await this.server().register({
        ...{ name, connectionString: this.installation.uri, storeUri: this.installation.storeUri },
        ...{ database: `${this.prefix}db${i}`, rpoMs: 200 },
      });
    }
    this.writer = this.write();
  }

  async rage(ms: number): Promise<Map<string, number>> {
    const deadline = Date.now() + ms;
    while (Date.now() < deadline) {
      await sleep(this.random.between(100, 1_500));
      await this.strike();
    }
    return this.strokes;
  }

  /** Everything is to run again; resolves with the cluster time of the last write, once all of it is covered. */
  async calm(): Promise<bigint> {
    await Promise.all(this.frozen);
    for (const { name, desired } of await this.server().list())
      if (desired === "stopped" && this.isOurs(name)) await this.ask("start", name);
    await waitFor("all clusters to run", async () => (await this.ours()).every(({ state }) => state === "running"), {
      timeoutMs: 90_000,
    }).catch(async (error) => {
      throw new Error(`${error.message}: ${JSON.stringify((await this.ours()).filter(({ state }) => state !== "running"))}`);
    });
    this.writing = false;
    await this.writer;
    let last = 0n;
    for (const database of this.databases) {
      const { operationTime } = await this.client
        .db(database)
        .command({ insert: "end", documents: [{ at: new Date() }], writeConcern: { w: "majority" } });
      last = operationTime.toBigInt();
    }
    return last;
  }

  /** One owner each, no orphan: waits until what every server says is what the operating system says, and everything is covered. */
  async truth(last: bigint): Promise<ClusterView[]> {
    const said = async (server: ManagerProcess) => {
      const views = (await server.list()).filter(({ name }) => this.isOurs(name));
      const covered = views.filter(({ coveredTo }) => coveredTo !== null && parseClusterTime(coveredTo)! >= last);
      const shown = covered.map(({ name, state, pid, node, error }) => ({ name, state, pid, node, error }));
      return { views, shown };
    };
    for (const deadline = Date.now() + 60_000; ; await sleep(500)) {
      const processes = [...(await collectorProcesses(this.prefix))].map(([pid, name]) => ({ name, state: "running", pid })).sort(byName);
      const all = await Promise.all(this.servers.map(said));
      const nodes = new Map(all[0]!.views.map(({ name, node }) => [name, node]));
      const expected = processes.map((one) => ({ ...one, node: nodes.get(one.name), error: null }));
      try {
        expect(processes).toHaveLength(CLUSTERS);
        for (const { shown } of all) expect(shown.sort(byName)).toEqual(expected);
        return all[0]!.views;
      } catch (error) {
        if (Date.now() > deadline) throw error;
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.writing = false;
    await Promise.all([this.writer, ...this.frozen]);
    await Promise.all(this.servers.map((server) => server.kill()));
    await waitFor("the collectors of killed servers to end", async () => (await collectorProcesses(this.prefix)).size === 0);
    for (const database of this.databases) await this.client.db(database).dropDatabase();
    await this.client.close();
  }

  private async strike(): Promise<void> {
    const chance = this.random.next();
    if (chance < 0.12) return this.killServer();
    if (chance < 0.35) return this.killCollector("SIGKILL");
    if (chance < 0.42) return this.killCollector("SIGSTOP");
    const method = chance < 0.6 ? "stop" : chance < 0.85 ? "start" : "reset";
    return this.ask(method, `${this.prefix}${this.random.between(0, CLUSTERS - 1)}`);
  }

  private async killServer(): Promise<void> {
    const server = this.server();
    this.count("kill -9 of a server");
    await server.kill();
    await sleep(this.random.between(0, 3_000));
    this.servers[this.servers.indexOf(server)] = await this.newServer();
  }

  private async killCollector(signal: "SIGKILL" | "SIGSTOP"): Promise<void> {
    const pids = [...(await collectorProcesses(this.prefix)).keys()];
    if (pids.length === 0) return;
    this.count(signal === "SIGKILL" ? "kill -9 of a collector" : "a collector frozen");
    const pid = this.random.pick(pids);
    this.signal(pid, signal);
    // Wakes before or after it was replaced: late words of one that should be gone.
    if (signal === "SIGSTOP") this.frozen.push(sleep(this.random.between(1_000, 15_000)).then(() => this.signal(pid, "SIGCONT")));
  }

  private signal(pid: number, signal: NodeJS.Signals): void {
    try {
      process.kill(pid, signal);
    } catch {
      // ended meanwhile
    }
  }

  /** A wish at a random moment: it may be so already, or a reset may be under way. */
  private async ask(method: "start" | "stop" | "reset", name: string): Promise<void> {
    try {
      await this.server().call(method, name);
      this.count(method);
    } catch (error) {
      if ((error as { code?: string }).code !== "CONFLICT") throw error;
    }
  }

  private async write(): Promise<void> {
    for (let n = 0; this.writing; n++) {
      const orders = this.client.db(this.random.pick(this.databases)).collection<{ _id: number; n?: number }>("orders");
      await orders.insertOne({ _id: n });
      if (n % 3 === 0) await orders.updateMany({ _id: { $gte: n - 30 } }, { $inc: { n: 1 } });
      if (n % 5 === 0) await orders.deleteOne({ _id: n - 20 });
      await sleep(1_000 / WRITES_PER_SECOND);
    }
  }

  private newServer(): Promise<ManagerProcess> {
    const { metadataUri, key, logDir } = this.installation;
    return ManagerProcess.begin({ metadataUri, key, logDir });
  }

  private async ours() {
    return (await this.server().list()).filter(({ name }) => this.isOurs(name));
  }

  private isOurs(name: string): boolean {
    return name.startsWith(this.prefix);
  }

  private count(stroke: string): void {
    this.strokes.set(stroke, (this.strokes.get(stroke) ?? 0) + 1);
  }
}

const byName = (a: { name: string }, b: { name: string }): number => (a.name < b.name ? -1 : 1);

function disposable<T extends { close(): Promise<unknown> }>(opened: T): T & AsyncDisposable {
  return Object.assign(opened, { [Symbol.asyncDispose]: async () => void (await opened.close()) });
}
