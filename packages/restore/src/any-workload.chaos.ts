import { ChangeStreamSource, type ClusterTime, captureSource } from "@oplog-collector/collector-core";
import fc from "fast-check";
import { MongoClient, MongoServerError } from "mongodb";
import { expect, test } from "vitest";
import { startReplicaSet } from "../../../scripts/replica-set.mjs";
import { record } from "../../collector-core/src/chaos/results.js";
import { CHAOS_SEED, scaled } from "../../collector-core/src/chaos/scale.js";
import { apply } from "./apply.js";
import { anyWorkload, type Place, type Step } from "./chaos/any-step.js";
import { differences, dropUserData, readState } from "./chaos/deployment-state.js";
import { RecordedLog } from "./chaos/recorded-log.js";

/** Workloads in all, and how many are applied and compared together: each in a database of its own. */
const WORKLOADS = Number(process.env.CHAOS_WORKLOADS) || scaled(8, 3_000);
const TOGETHER = scaled(8, 50);
const STEPS = 40;

/** Sources work on so many of them at a time, so that their events are mixed. */
const WRITERS = 4;

/** The short form, for every day, draws what the day before drew; the full one draws anew. */
const SEED = process.env.CHAOS_SEED ? CHAOS_SEED : scaled(607_324, CHAOS_SEED);

const SECONDS = 1_000;

test(
  `any workload is applied exactly, from both ways of capture (seed ${SEED})`,
  async () => {
    await using source = await startReplicaSet({ name: "any-source", oplogSizeMB: 512 });
    await using target = await startReplicaSet({ name: "any-target", oplogSizeMB: 256 });
    await using client = new MongoClient(source.uri);
    await using targetClient = new MongoClient(target.uri);
    await using stream = await RecordedLog.of(source.uri, "stream", { capture: new ChangeStreamSource({ uri: source.uri }) });
    await using oplog = await RecordedLog.of(source.uri, "oplog", { capture: captureSource({ uri: source.uri, mode: "oplog" }) });
    const done = new Map<string, number>();
    const workloads = fc.sample(anyWorkload(STEPS), { seed: SEED, numRuns: WORKLOADS });
    for (let first = 0; first < WORKLOADS; first += TOGETHER) {
      const logs = [stream, oplog].map(async (log) => ({ log, after: await log.caughtUp() }));
      const begun = await Promise.all(logs);
      const some = workloads.slice(first, first + TOGETHER).map((steps, index) => ({ steps, name: `w${first + index}` }));
      const queue = [...some];
      const write = async () => {
        for (let next = queue.shift(); next; next = queue.shift())
          await run(next.steps, { client, db: client.db(next.name), other: client.db(`${next.name}_x`) }, done);
      };
      await Promise.all(Array.from({ length: WRITERS }, write));
      const expected = await readState(client);
      for (const { log, after } of begun) {
        const to: ClusterTime = await log.caughtUp();
        const report = await apply({ store: log.log, log: log.name, target: target.uri, after, to }).catch((error: unknown) => ({ error }));
        const told = (name: string) =>
          tell(some.find((one) => name.startsWith(`${one.name}.`) || name.startsWith(`${one.name}_x.`))?.steps);
        expect("error" in report ? report.error : undefined, `seed ${SEED}, ${log.name}, workloads ${first} and more`).toBeUndefined();
        const different = differences(expected, await readState(targetClient));
        expect(different, `seed ${SEED}, ${log.name}\n${different.map(told).join("\n\n")}`).toEqual([]);
        await dropUserData(targetClient);
      }
      await dropUserData(client);
      // After each: a run of hours that is ended early has shown something all the same.
      record("Any workload: random documents, operators and DDL, from both ways of capture", {
        seed: SEED,
        workloads: first + some.length,
        "kinds of step that the server took": done.size,
        "steps that the server took": [...done.values()].reduce((sum, times) => sum + times, 0),
        "workloads whose copy differed": 0,
      });
    }
    // A check that most of what is drawn also happens.
    expect(done.size, `only ${[...done.keys()].join(", ")}`).toBeGreaterThanOrEqual(scaled(30, 70));
  },
  scaled(180, 10_800) * SECONDS,
);

/** Runs the steps; what the server refuses is part of a workload. */
async function run(steps: readonly Step[], place: Place, done: Map<string, number>): Promise<void> {
  for (const { kind, run: step } of steps) {
    try {
      await step(place);
      done.set(kind, (done.get(kind) ?? 0) + 1);
    } catch (error) {
      if (!(error instanceof MongoServerError)) throw error;
    }
  }
}

const tell = (steps: readonly Step[] = []): string => steps.map(({ kind, told }) => `${kind} ${told}`).join("\n");
