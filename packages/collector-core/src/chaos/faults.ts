import { setTimeout as sleep } from "node:timers/promises";
import type { startReplicaSet } from "../../../../scripts/replica-set.mjs";
import { waitFor } from "../../../../scripts/wait-for.mjs";
import type { Random } from "../simulation/random.js";
import { CollectorProcess, type CrashPoint } from "./collector-process.js";
import { forceRollback } from "./forced-rollback.js";
import type { LogPlace } from "./log-place.js";
import type { MixedLoad } from "./mixed-load.js";
import { scaled } from "./scale.js";

type ReplicaSet = Awaited<ReturnType<typeof startReplicaSet>>;

/** A collector at work, with all that can happen to it. */
export class Scene {
  collector: CollectorProcess;
  /** The most memory that any of its processes had when one was looked at. */
  peakMemoryMiB = 0;
  undone = 0;

  constructor(
    readonly source: ReplicaSet,
    readonly place: LogPlace,
    readonly load: MixedLoad,
    readonly random: Random,
    private readonly order: { name: string; args: string[] },
  ) {
    this.collector = this.start();
  }

  start(crash?: { point: CrashPoint; occurrence: number }): CollectorProcess {
    this.collector = CollectorProcess.start({ source: this.source.uri, store: this.place.uri, ...this.order, crash });
    return this.collector;
  }

  async noteMemory(): Promise<void> {
    this.peakMemoryMiB = Math.max(this.peakMemoryMiB, await this.collector.peakMemoryMiB());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.collector[Symbol.asyncDispose]();
  }
}

export interface Fault {
  name: string;
  /** Makes it happen and brings back what it took away; then the collector must go on by itself. */
  strike(scene: Scene): Promise<void>;
}

/** Long enough that connections are given up and elections held; short for every day. */
const FROZEN_MS = scaled(3_000, 20_000);

const killedAtRandom: Fault = {
  name: "kill -9 of the collector at a random moment",
  async strike({ collector, random }) {
    await sleep(random.between(0, 1_500));
    await collector.kill();
  },
};

const killedWhileStarting: Fault = {
  name: "kill -9 of the collector while it starts",
  async strike(scene) {
    await scene.collector.stop();
    const starting = scene.start();
    await sleep(scene.random.between(0, 1_200));
    await starting.kill();
  },
};

const killedAt = (point: CrashPoint): Fault => ({
  name: `kill -9 of the collector ${POINT_NAMES[point]}`,
  async strike(scene) {
    await scene.collector.stop();
    // A checkpoint is written when the log is taken over, once it runs, and then each 10 s: the second is soon.
    const occurrence = point.endsWith("checkpoint") ? scene.random.between(1, 2) : point === "mid-append" ? 1 : scene.random.between(2, 5);
    const armed = scene.start({ point, occurrence });
    if (point === "mid-append") await scene.load.insertLarge();
    const { signal } = await armed.ended;
    if (signal !== "SIGKILL" || !armed.stderr.includes(`crash point ${point}`))
      throw new Error(`The collector did not die at the point ${point}: ${JSON.stringify(armed.exit)}\n${armed.stderr.slice(-2_000)}`);
  },
});

const POINT_NAMES: Record<CrashPoint, string> = {
  "before-append": "before an append",
  "after-append": "after an append, before its answer is read",
  "mid-append": "between the parts of an append",
  "before-checkpoint": "before a checkpoint",
  "in-checkpoint": "in a checkpoint",
  "before-bundle": "before a bundle is stored",
  "after-bundle": "after a bundle is stored",
  "in-removal": "while segments are removed",
};

const collectorFrozen: Fault = {
  name: `SIGSTOP of the collector for ${FROZEN_MS / 1000} s`,
  async strike({ collector }) {
    await collector.pause();
    await sleep(FROZEN_MS);
    collector.resume();
  },
};

const sourceKilled: Fault = {
  name: "kill -9 of the source's primary",
  async strike({ source, random }) {
    const primary = await source.primary();
    await primary.kill();
    await sleep(random.between(0, 2_000));
    await primary.start();
    await source.settled();
  },
};

const sourceFrozen: Fault = {
  name: `SIGSTOP of the source's primary for ${FROZEN_MS / 1000} s`,
  async strike({ source }) {
    const primary = await source.primary();
    await primary.pause();
    await sleep(FROZEN_MS);
    primary.resume();
    await source.settled();
  },
};

const failover: Fault = {
  name: "failover of the source",
  async strike({ source }) {
    const former = await source.primary();
    await source.stepDown();
    await former.command({ replSetFreeze: 0 }); // it may be elected again at the next one
  },
};

const rollback: Fault = {
  name: "forced rollback of the source",
  async strike(scene) {
    const undone = await forceRollback(scene.source, "shop", "undone");
    if (undone === 0) throw new Error("Nothing was undone");
    scene.undone += undone;
  },
};

const storeKilled: Fault = {
  name: "kill -9 of the store's mongod",
  async strike({ place, random }) {
    const mongod = place.server!.member(0);
    await sleep(random.between(0, 500));
    await mongod.kill();
    await sleep(random.between(0, 2_000));
    await mongod.start();
  },
};

const storeFrozen: Fault = {
  name: `SIGSTOP of the store's mongod for ${FROZEN_MS / 1000} s`,
  async strike({ place }) {
    const mongod = place.server!.member(0);
    await mongod.pause();
    await sleep(FROZEN_MS);
    mongod.resume();
  },
};

type Decision = "destroy" | "forward-then-destroy" | "forward-then-cut-at-answer";

const connectionDropped = (decision: Decision, when: string): Fault => ({
  name: `connection to the store dropped ${when}`,
  async strike({ place }) {
    const proxy = place.proxy!;
    let struck = false;
    proxy.onClientMessage(({ command }) => {
      if (command !== "insert" || struck) return "forward";
      struck = true;
      return decision;
    });
    await waitFor("an append to be struck", () => struck);
    proxy.heal();
  },
});

const connectionCutMidway: Fault = {
  name: "connection to the store dropped in the middle of an append",
  async strike({ place, load, random }) {
    const proxy = place.proxy!;
    let cut = false;
    proxy.cutAfterClientBytes(random.between(50_000, 2_000_000), (connection) => {
      if (!connection.commands.has("insert")) return false;
      cut = true;
      return true;
    });
    await load.insertLarge(); // an append that is long enough to be cut
    await waitFor("an append to be cut", () => cut);
  },
};

type Answer = "cut" | "forward-then-cut" | { status: number; code: string; forward?: boolean };

/** More often than the client of the object store tries by itself. */
const REQUESTS_STRUCK = 3;

const requestStruck = (answer: Answer, how: string): Fault => ({
  name: `appends to the object store: ${how}`,
  async strike({ place }) {
    const { proxy } = place.objects!;
    let struck = 0;
    proxy.onRequest(({ method, url = "" }) => {
      if (method !== "PUT" || !url.includes("/segments/") || struck === REQUESTS_STRUCK) return "forward";
      struck++;
      return answer;
    });
    await waitFor("appends to be struck", () => struck === REQUESTS_STRUCK);
    proxy.heal();
  },
});

const objectStoreFrozen: Fault = {
  name: `SIGSTOP of the object store for ${FROZEN_MS / 1000} s`,
  async strike({ place }) {
    const { server } = place.objects!;
    server.pause();
    await sleep(FROZEN_MS);
    server.resume();
  },
};

/** In the short form what differs from other sinks: the rest is the collector's, and strikes it there. */
const objectStoreFaults = (): Fault[] =>
  timesOver([
    [killedAtRandom, 1, 8],
    [killedWhileStarting, 0, 2],
    [killedAt("before-append"), 0, 2],
    [killedAt("after-append"), 1, 2],
    [killedAt("mid-append"), 1, 2],
    [killedAt("before-checkpoint"), 0, 2],
    [killedAt("in-checkpoint"), 0, 2],
    [collectorFrozen, 0, 1],
    [failover, 0, 2],
    [objectStoreFrozen, 0, 2],
    [requestStruck("cut", "the connection ends before they arrive"), 0, 3],
    [requestStruck("forward-then-cut", "the connection ends before the answer"), 1, 3],
    [requestStruck({ status: 500, code: "InternalError", forward: true }, "500 although it was done"), 1, 3],
    [requestStruck({ status: 503, code: "SlowDown" }, "503"), 0, 3],
  ]);

/** What differs from the other layout: an append goes on with the entries after the segment is stored. */
const entriesFaults = (): Fault[] =>
  timesOver([
    [killedAtRandom, 0, 8],
    [killedWhileStarting, 0, 1],
    [killedAt("before-append"), 0, 2],
    [killedAt("after-append"), 0, 2],
    [killedAt("mid-append"), 1, 5],
    [killedAt("before-checkpoint"), 0, 1],
    [killedAt("in-checkpoint"), 0, 1],
    [collectorFrozen, 0, 1],
    [storeKilled, 0, 2],
    [storeFrozen, 0, 1],
    [connectionDropped("forward-then-cut-at-answer", "before the answer to an append"), 1, 3],
    [connectionDropped("forward-then-destroy", "as an append arrives"), 0, 2],
    [connectionCutMidway, 0, 2],
  ]);

const timesOver = (table: [Fault, number, number][]): Fault[] =>
  table.flatMap(([fault, short, full]) => Array<Fault>(scaled(short, full)).fill(fault));

/** How often each fault strikes: [short, full]. */
export function faultsFor({ place, source }: { place: LogPlace; source: ReplicaSet }): Fault[] {
  if (place.objects) return objectStoreFaults();
  if (place.sink === "entries") return entriesFaults();
  const table: [Fault, number, number][] = [
    [killedAtRandom, 1, 8],
    [killedWhileStarting, 1, 2],
    [killedAt("before-append"), 1, 2],
    [killedAt("after-append"), 1, 2],
    [killedAt("mid-append"), 1, 2],
    [killedAt("before-checkpoint"), 1, 2],
    [killedAt("in-checkpoint"), 0, 2],
    [collectorFrozen, 1, 1],
  ];
  if (source.members.length > 1)
    // In the short form those of the source that take longest strike one of the two sinks: it is not the sink that has to do with them.
    table.push(
      [rollback, place.server ? 1 : 0, 3],
      [sourceKilled, place.server ? 1 : 0, 5],
      [failover, place.server ? 1 : 0, 5],
      [sourceFrozen, 0, 1],
    );
  if (place.server)
    table.push(
      [storeKilled, 1, 5],
      [storeFrozen, 0, 1],
      [connectionDropped("forward-then-cut-at-answer", "before the answer to an append"), 1, 3],
      [connectionDropped("destroy", "before an append arrives"), 1, 2],
      [connectionDropped("forward-then-destroy", "as an append arrives"), 1, 2],
      [connectionCutMidway, 1, 2],
    );
  return timesOver(table);
}
