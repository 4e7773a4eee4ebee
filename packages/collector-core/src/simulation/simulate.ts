import { readCoverage } from "../coverage.js";
import type { Store, StoreLocation } from "../store.js";
import { memoryStoreLocation } from "../stores/memory-store.js";
import { verifyLog } from "../verify.js";
import { History } from "./history.js";
import { Random } from "./random.js";
import { RUN_START, type Scenario, scenarioOf } from "./scenario.js";
import { SimulatedOplog } from "./simulated-oplog.js";
import { LOG, type Run, Supervisor } from "./supervisor.js";
import { VirtualTime } from "./virtual-time.js";
import { Witness } from "./witness.js";

/**
 * Once nothing goes wrong any more. The longest waits: for a stalled stream (60 s), for a writer that is gone (30 s, and 120 s more when its clock
 * was fast), for a socket (30 s), between retries (15 s) and before a restart (40 s).
 */
const CATCH_UP_MS = 300_000;

/** A writer that lost its place sees it at its next checkpoint; one with a fast clock that is gone is believed to live until its time has come. */
const SETTLED_WITHIN_MS = 200_000;

/** How long a store that does not answer is waited for. */
const STORE_PATIENCE_MS = 10_000;

/** What became of a run: a violation, or null; and what happened, when it was asked for. */
export interface Outcome {
  seed: number;
  violation: string | null;
  notes: string[];
}

/** One run: a source, a log, and the collectors that are started, killed, frozen and stopped on it. The same seed gives the same run. */
export async function simulate(seed: number, { tracing = false } = {}): Promise<Outcome> {
  const simulation = new Simulation(scenarioOf(seed), tracing);
  await simulation.run();
  return { seed, violation: simulation.witness.violation, notes: simulation.witness.notes };
}

class Simulation {
  readonly witness: Witness;
  private readonly time = new VirtualTime(RUN_START);
  private readonly history: History;
  private readonly location: StoreLocation = memoryStoreLocation();
  private readonly supervisor: Supervisor;

  constructor(
    private readonly scenario: Scenario,
    tracing: boolean,
  ) {
    const random = new Random(scenario.seed ^ 0x5eed);
    this.history = new History(random.fork(), scenario.history);
    const oplog = new SimulatedOplog(this.history, this.time, scenario.retentionMs);
    this.witness = new Witness(oplog, scenario, this.time, tracing);
    this.supervisor = new Supervisor(scenario, this.time, oplog, this.location, this.witness, random, tracing);
  }

  async run(): Promise<void> {
    const { witness, scenario, supervisor, history, time } = this;
    witness.note(() => JSON.stringify(scenario));
    supervisor.begin();
    const calmFrom = Math.max(scenario.calmFrom, history.wire.at(-1)?.at ?? 0);
    await this.until(() => time.now > calmFrom, calmFrom + 1, "time does not go on");
    await (scenario.exitWhenCaughtUp ? this.endByItself() : this.catchUpAndStop());
    if (!witness.violation) await this.checkLog(await this.location.log(LOG));
  }

  private async catchUpAndStop(): Promise<void> {
    const { witness, supervisor, time } = this;
    await this.until(() => witness.isComplete, time.now + CATCH_UP_MS, "the log is not complete");
    const goesOn = () => witness.isComplete && supervisor.live().length === 1 && supervisor.live()[0]?.state() === "running";
    await this.until(goesOn, time.now + SETTLED_WITHIN_MS, "not one collector goes on");
    supervisor.finish();
    const [last] = supervisor.live();
    const stoppedAt = time.now;
    if (last) supervisor.stop(last);
    await time.run(() => witness.violation !== null || supervisor.live().length === 0);
    if (!witness.violation && last?.succeeded) await this.checkEnd(last, time.now - stoppedAt);
  }

  private async checkEnd(last: Run, stopMs: number): Promise<void> {
    const { witness, history } = this;
    const log = await this.location.log(LOG);
    // A checkpoint that hangs from before is waited for, and no longer than that.
    const isHeld = (await log.readCheckpoint())?.writer?.pid === last.process.pid;
    if (isHeld && stopMs < STORE_PATIENCE_MS) witness.broken("after a clean stop the log is still held");
    const covered = (await readCoverage(log)).timelines.at(-1)?.to.clusterTime ?? -1n;
    if (covered < (history.events.at(-1)?.time ?? 0n)) witness.broken("the coverage does not reach the end of the history");
  }

  private async endByItself(): Promise<void> {
    const { witness, supervisor, time } = this;
    supervisor.exitWhenCaughtUp = true;
    for (const { process } of supervisor.live()) process.kill();
    const hasEnded = () => supervisor.runs.some((run) => run.exitWhenCaughtUp && run.succeeded);
    await this.until(hasEnded, time.now + CATCH_UP_MS, "a collector that is to end does not");
    supervisor.finish();
    if (!witness.violation && witness.durable < this.history.events.length) witness.broken("a collector ended before it had caught up");
  }

  /** Lets time go on until then; that it takes too long is a violation. */
  private async until(isDone: () => boolean, deadline: number, what: string): Promise<void> {
    const { witness, time } = this;
    const began = time.now;
    await time.run(() => {
      if (!isDone() && time.now > deadline) witness.broken(`${what} after ${Math.round((time.now - began) / 1000)} s`);
      return witness.violation !== null || isDone();
    });
  }

  /** What anyone who reads the log now sees. */
  private async checkLog(log: Store): Promise<void> {
    const { witness, history } = this;
    const verified = await verifyLog(log, LOG);
    if (!verified.ok) witness.broken(`verify: segment ${verified.bad?.segment} ${verified.bad?.problem}`);
    const { timelines, gaps } = await readCoverage(log);
    if (timelines.length !== witness.held.length) witness.broken(`${timelines.length} timelines where ${witness.held.length} were begun`);
    timelines.forEach(({ from, to }, index) => {
      const [first, end] = [history.eventsUpToTime(from.clusterTime), history.eventsUpToTime(to.clusterTime)];
      const [heldFrom, heldTo] = witness.held[index] ?? [0, 0];
      if (end > first && (first < heldFrom || end > heldTo))
        witness.broken(`timeline ${index} covers events ${first} to ${end}, and the log holds ${heldFrom} to ${heldTo}`);
    });
    gaps.forEach((gap, index) => {
      if (timelines[index]?.to.clusterTime !== gap.from.clusterTime)
        witness.broken(`timeline ${index} does not end where the gap after it begins`);
    });
  }
}
