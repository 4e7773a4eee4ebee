import { pino } from "pino";
import { Collector } from "../collector.js";
import { readCoverage } from "../coverage.js";
import { isOplogError, type OplogErrorCode } from "../errors.js";
import type { CollectorState } from "../status.js";
import type { Store, StoreLocation } from "../store.js";
import { memoryStoreLocation } from "../stores/memory-store.js";
import { verifyLog } from "../verify.js";
import { History } from "./history.js";
import { Random } from "./random.js";
import { RUN_START, type Scenario, scenarioOf } from "./scenario.js";
import { type KillPoint, SimulatedProcess } from "./simulated-process.js";
import { SimulatedSource } from "./simulated-source.js";
import { SimulatedStore } from "./simulated-store.js";
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

/** Once asked to stop. */
const STOPPED_WITHIN_MS = 15_000;

const LOG = "shop";

interface Run {
  process: SimulatedProcess;
  stop: AbortController;
  ended: boolean;
  state: () => CollectorState | null;
}

/** What became of a run: a violation, or null; and what happened, when it was asked for. */
export interface Outcome {
  seed: number;
  violation: string | null;
  notes: string[];
}

export async function simulate(seed: number, { tracing = false } = {}): Promise<Outcome> {
  const simulation = new Simulation(scenarioOf(seed), tracing);
  await simulation.run();
  return { seed, violation: simulation.witness.violation, notes: simulation.witness.notes };
}

const silent = pino({ enabled: false });

/** One run: a source, a log, and the collectors that are started, killed, frozen and stopped on it. */
class Simulation {
  readonly witness: Witness;
  private readonly random: Random;
  private readonly time = new VirtualTime(RUN_START);
  private readonly history: History;
  private readonly location: StoreLocation = memoryStoreLocation();
  private readonly runs: Run[] = [];
  private startPending = false;
  private finishing = false;
  /** An operator has looked at the lost history and accepts a gap. */
  private gapAccepted: boolean;

  constructor(
    private readonly scenario: Scenario,
    private readonly tracing: boolean,
  ) {
    this.random = new Random(scenario.seed ^ 0x5eed);
    this.history = new History(this.random.fork(), scenario.history);
    this.gapAccepted = scenario.acceptGap;
    const view = new SimulatedSource(this.history, null as never, scenario, this.time, this.random, null as never);
    this.witness = new Witness(this.history, scenario, this.time, () => view.oldestTime(), tracing);
  }

  async run(): Promise<void> {
    const { witness, time, history, scenario } = this;
    witness.note(() => JSON.stringify(scenario));
    const log = await this.location.log(LOG);
    this.planFaults();
    this.supervise();
    const quietFrom = Math.max(scenario.calmFrom, history.wire.at(-1)?.at ?? 0);
    await this.until(() => witness.isComplete && time.now > quietFrom, quietFrom + CATCH_UP_MS, "the log is not complete");
    const isSettled = () => this.live().length === 1 && this.live()[0]?.state() === "running" && witness.isComplete;
    await this.until(isSettled, time.now + SETTLED_WITHIN_MS, "not one collector goes on");
    this.finishing = true;
    const [last] = this.live();
    last?.stop.abort();
    const stoppedAt = time.now;
    await this.until(() => this.live().length === 0, stoppedAt + STOPPED_WITHIN_MS, "a collector does not stop");
    if (!witness.violation) await this.checkLog(log);
    const held = (await log.readCheckpoint())?.writer?.pid === last?.process.pid && last?.state() === "stopped";
    // A checkpoint that hangs from before is waited for, and no longer than that.
    if (held && time.now - stoppedAt < STORE_PATIENCE_MS) witness.broken("after a clean stop the log is still held");
  }

  /** Lets time go on until then; that it takes too long is a violation. */
  private async until(isDone: () => boolean, deadline: number, what: string): Promise<void> {
    const { witness, time } = this;
    await time.run(() => {
      if (!isDone() && time.now > deadline) witness.broken(`${what} after ${Math.round((deadline - this.scenario.calmFrom) / 1000)} s`);
      return witness.violation !== null || isDone();
    });
  }

  private live(): Run[] {
    return this.runs.filter(({ process, ended }) => process.alive && !ended);
  }

  /** Starts a collector when none seems to run. */
  private supervise(): void {
    if (this.finishing || this.startPending || this.live().some(({ process }) => !process.isFrozen)) return;
    this.startPending = true;
    this.time.after(this.random.chance(0.2) ? this.random.next() * 40_000 : this.random.next() * 2_000, () => {
      this.startPending = false;
      if (!this.finishing) void this.start();
    });
  }

  private async start(): Promise<void> {
    const { random, scenario, time, witness, history } = this;
    const machine = this.runs.length === 0 ? 0 : random.between(0, scenario.clockSkewMs.length - 1);
    const run: Run = {
      process: new SimulatedProcess(this.runs.length + 1, `host-${machine}`, time, random.fork(), scenario.clockSkewMs[machine]!, (how) => {
        witness.note(() => `${run.process.pid} ${how}`);
        this.supervise();
      }),
      stop: new AbortController(),
      ended: false,
      state: () => null,
    };
    const { process } = run;
    process.gapsAllowed = this.gapAccepted ? 1 : 0;
    this.runs.push(run);
    witness.note(() => `${process.pid} starts on ${process.host}`);
    const store = new SimulatedStore(await this.location.log(LOG), process, scenario, time, random.fork(), witness);
    const source = new SimulatedSource(history, process, scenario, time, random.fork(), witness);
    const collector = new Collector({
      name: LOG,
      source,
      store,
      from: scenario.start === "time" ? { kind: "time", after: source.oldestTime() + 1n } : { kind: scenario.start },
      acceptGap: this.gapAccepted,
      takeOver: scenario.takeOver,
      limits: scenario.limits,
      codec: "none",
      retry: { maxRetries: scenario.maxRetries },
      clock: process.clock,
      machine: { host: process.host, pid: process.pid, isAlive: (pid) => this.live().some((other) => other.process.pid === pid) },
      logger: this.tracing
        ? pino({}, { write: (line: string) => witness.note(() => `${process.pid} ${JSON.parse(line).msg} ${JSON.parse(line).code ?? ""}`) })
        : silent,
    });
    run.state = () => collector.status.state;
    let state = "";
    collector.subscribe((status) => {
      witness.status(status, process);
      if (status.state !== state) witness.note(() => `${process.pid} ${status.state} ${status.error?.message ?? ""}`);
      state = status.state;
    });
    collector.run(run.stop.signal).then(
      () => this.ended(run, null),
      (error) => this.ended(run, error),
    );
  }

  private ended(run: Run, error: unknown): void {
    const { process } = run;
    if (!process.alive) return; // it was killed, and this is only what it had still to run
    run.ended = true;
    this.witness.note(() => `${process.pid} has ended: ${isOplogError(error) ? `${error.code} ${error.message}` : error}`);
    if (error ? !isOplogError(error) || !this.mayEndWith(error.code, run) : !run.stop.signal.aborted)
      this.witness.broken(`a collector ended for no reason: ${error instanceof Error ? error.stack : error}`);
    if (isOplogError(error, "HISTORY_LOST")) this.gapAccepted = true;
    this.time.after(0, () => {
      if (process.sleeping > 0) this.witness.broken(`${process.sleeping} timers are left after the end`);
      if (process.openStreams > 0) this.witness.broken(`${process.openStreams} streams are left open after the end`);
      process.alive = false;
    });
    this.supervise();
  }

  /** Whether a run of this scenario may end so. */
  private mayEndWith(code: OplogErrorCode, { stop }: Run): boolean {
    const { scenario, witness } = this;
    switch (code) {
      case "FENCED":
        return this.runs.length > 1;
      case "HISTORY_LOST":
        return (
          witness.isHistoryLost ||
          scenario.source.spuriousLoss > 0 ||
          (witness.isEmpty && scenario.start === "time") ||
          (scenario.retentionMs !== null && this.runs.length > 1)
        );
      case "SOURCE_MISMATCH":
        return scenario.source.otherDeployment > 0;
      case "UNREACHABLE":
        return scenario.maxRetries < Number.POSITIVE_INFINITY || stop.signal.aborted;
      case "SOURCE_UNSUITABLE":
        return scenario.source.fatal > 0;
      default:
        return false;
    }
  }

  private planFaults(): void {
    const { process, calmFrom } = this.scenario;
    const plan = (times: number, act: (run: Run) => void) => {
      for (let i = 0; i < times; i++)
        this.time.at(RUN_START + this.random.next() * (calmFrom - RUN_START), () => {
          const live = this.live();
          if (live.length > 0) act(this.random.pick(live));
        });
    };
    plan(process.kills, (run) => run.process.kill());
    const points: KillPoint[] = ["before it is sent", "done and not answered"];
    plan(process.killsAtCall, (run) => run.process.killAtCall(this.random.between(1, 12), this.random.pick(points), calmFrom));
    plan(process.stops, (run) => run.stop.abort());
    plan(process.twins, () => void this.start());
    plan(process.partitions, (run) => {
      run.process.partitionedUntil = this.lastingFault(40_000);
    });
    plan(process.freezes, (run) => {
      run.process.freezeUntil(this.lastingFault(60_000));
      this.witness.note(() => `${run.process.pid} frozen`);
      this.supervise();
    });
  }

  /** When a fault that begins now is over. */
  private lastingFault(most: number): number {
    return Math.min(this.scenario.calmFrom, this.time.now + this.random.next() * most);
  }

  /** What anyone who reads the log now sees. */
  private async checkLog(log: Store): Promise<void> {
    const { witness, history } = this;
    const verified = await verifyLog(log, LOG);
    if (!verified.ok) witness.broken(`verify: segment ${verified.bad?.segment} ${verified.bad?.problem}`);
    const coverage = await readCoverage(log);
    if (coverage.timelines.length !== witness.held.length)
      witness.broken(`${coverage.timelines.length} timelines where ${witness.held.length} were begun`);
    coverage.timelines.forEach(({ from, to }, index) => {
      const [first, end] = [history.eventsUpToTime(from.clusterTime), history.eventsUpToTime(to.clusterTime)];
      const [heldFrom, heldTo] = witness.held[index] ?? [0, 0];
      if (end > first && (first < heldFrom || end > heldTo))
        witness.broken(`timeline ${index} covers events ${first} to ${end}, and the log holds ${heldFrom} to ${heldTo}`);
    });
    for (const [index, gap] of coverage.gaps.entries())
      if (coverage.timelines[index]?.to.clusterTime !== gap.from.clusterTime)
        witness.broken(`timeline ${index} does not end where the gap after it begins`);
    const covered = coverage.timelines.at(-1)?.to.clusterTime ?? -1n;
    if (covered < (history.events.at(-1)?.time ?? 0n)) witness.broken("the coverage does not reach the end of the history");
  }
}
