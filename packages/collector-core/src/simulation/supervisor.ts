import { type Logger, pino } from "pino";
import { Collector } from "../collector.js";
import { isOplogError, type OplogErrorCode } from "../errors.js";
import type { CollectorState } from "../status.js";
import type { StoreLocation } from "../store.js";
import type { Random } from "./random.js";
import { RUN_START, type Scenario } from "./scenario.js";
import type { SimulatedOplog } from "./simulated-oplog.js";
import { type KillPoint, SimulatedProcess } from "./simulated-process.js";
import { SimulatedSource } from "./simulated-source.js";
import { SimulatedStore } from "./simulated-store.js";
import type { VirtualTime } from "./virtual-time.js";
import type { Witness } from "./witness.js";

export const LOG = "shop";

/** One collector in its process, from its start to its end. */
export interface Run {
  process: SimulatedProcess;
  stop: AbortController;
  exitWhenCaughtUp: boolean;
  ended: boolean;
  /** It ended without an error. */
  succeeded: boolean;
  state: () => CollectorState | null;
}

/** Once asked to stop: the store is waited for so long, and the source a little. */
const STOPPED_WITHIN_MS = 15_000;

const silent = pino({ enabled: false });

const STATE_AFTER: Partial<Record<OplogErrorCode, CollectorState>> = {
  HISTORY_LOST: "error_resume_token_lost",
  UNREACHABLE: "error_max_retries_reached",
};

/** Starts collectors when none seems to run, and does to them what the scenario says. */
export class Supervisor {
  readonly runs: Run[] = [];
  /** From now on collectors are started to end by themselves. */
  exitWhenCaughtUp = false;
  private isStartPending = false;
  private isFinishing = false;
  /** From the beginning, or since an operator has looked at the lost history. */
  private acceptsGap: boolean;

  constructor(
    private readonly scenario: Scenario,
    private readonly time: VirtualTime,
    private readonly oplog: SimulatedOplog,
    private readonly location: StoreLocation,
    private readonly witness: Witness,
    private readonly random: Random,
    private readonly tracing: boolean,
  ) {
    this.acceptsGap = scenario.acceptGap;
  }

  live(): Run[] {
    return this.runs.filter(({ process, ended }) => process.alive && !ended);
  }

  begin(): void {
    this.planFaults();
    this.startIfNoneRuns();
  }

  /** Starts no other. */
  finish(): void {
    this.isFinishing = true;
  }

  private startIfNoneRuns(): void {
    if (this.isFinishing || this.isStartPending || this.live().some(({ process }) => !process.isFrozen)) return;
    this.isStartPending = true;
    this.time.after(this.random.chance(0.2) ? this.random.next() * 40_000 : this.random.next() * 2_000, () => {
      this.isStartPending = false;
      if (!this.isFinishing) void this.start();
    });
  }

  private async start(): Promise<void> {
    const { scenario, time, witness, oplog, acceptsGap, exitWhenCaughtUp } = this;
    const process = this.makeProcess();
    process.gapsAllowed = acceptsGap ? 1 : 0;
    const run: Run = { process, stop: new AbortController(), exitWhenCaughtUp, ended: false, succeeded: false, state: () => null };
    this.runs.push(run);
    witness.note(() => `${process.pid} starts on ${process.host}`);
    const collector = new Collector({
      name: LOG,
      source: new SimulatedSource(oplog, process, scenario, time, this.random.fork(), witness),
      store: new SimulatedStore(await this.location.log(LOG), process, scenario, time, this.random.fork(), witness),
      from: scenario.start === "time" ? { kind: "time", after: oplog.oldest() + 1n } : { kind: scenario.start },
      acceptGap: acceptsGap,
      exitWhenCaughtUp,
      takeOver: scenario.takeOver,
      limits: scenario.limits,
      codec: "none",
      retry: { maxRetries: scenario.maxRetries },
      clock: process.clock,
      machine: { host: process.host, pid: process.pid, isAlive: (pid) => this.live().some((other) => other.process.pid === pid) },
      logger: this.tracing ? this.loggerOf(process) : silent,
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
      (error: unknown) => this.ended(run, error),
    );
  }

  private makeProcess(): SimulatedProcess {
    const { runs, random, scenario, time } = this;
    const machine = runs.length === 0 ? 0 : random.between(0, scenario.clockSkewMs.length - 1);
    const pid = runs.length + 1;
    return new SimulatedProcess(pid, `host-${machine}`, time, random.fork(), scenario.clockSkewMs[machine]!, (how) => {
      this.witness.note(() => `${pid} ${how}`);
      this.startIfNoneRuns();
    });
  }

  private loggerOf({ pid }: SimulatedProcess): Logger {
    const write = (line: string) => {
      const { msg, message = "" } = JSON.parse(line) as { msg: string; message?: string };
      this.witness.note(() => `${pid} logs: ${msg} ${message}`);
    };
    return pino({}, { write });
  }

  private ended(run: Run, error: unknown): void {
    const { process } = run;
    const { witness } = this;
    if (!process.alive) return; // it was killed, and this is only what it had still to run
    run.ended = true;
    run.succeeded = error === null;
    witness.note(() => `${process.pid} has ended: ${isOplogError(error) ? `${error.code} ${error.message}` : error}`);
    if (error === null ? !run.stop.signal.aborted && !run.exitWhenCaughtUp : !this.mayEndWith(error, run))
      witness.broken(`a collector ended for no reason: ${error instanceof Error ? error.stack : error}`);
    const state = error === null ? "stopped" : ((isOplogError(error) && STATE_AFTER[error.code]) ?? "error");
    if (run.state() !== state) witness.broken(`a collector ended as ${run.state()}, and not as ${state}`);
    if (isOplogError(error, "HISTORY_LOST")) this.acceptsGap = true;
    this.time.after(0, () => {
      if (process.sleeping > 0) witness.broken(`${process.sleeping} timers are left after the end`);
      if (process.openStreams > 0) witness.broken(`${process.openStreams} streams are left open after the end`);
      process.alive = false;
    });
    this.startIfNoneRuns();
  }

  /** Whether a run of this scenario may end so. */
  private mayEndWith(error: unknown, { stop, process }: Run): boolean {
    const { scenario, witness, runs } = this;
    if (!isOplogError(error)) return false;
    const isAlone = runs.length === 1;
    switch (error.code) {
      case "FENCED":
        // Of two, the one whose log it is goes on; unless it became so by a checkpoint of its own that came too late.
        if (witness.holder === process.pid && !stop.signal.aborted && !process.wasFrozen && this.isStorePrompt)
          witness.broken("the writer of the log ended as fenced");
        return !isAlone;
      case "HISTORY_LOST":
        // What was in hand is stored first; but another's collector may have gone further by then.
        if (isAlone && witness.inHand(process) > 0) witness.broken("events in hand were not stored before the end");
        return (
          witness.isHistoryLost ||
          scenario.source.spuriousLoss > 0 ||
          (witness.isEmpty && scenario.start === "time") ||
          (scenario.retentionMs !== null && !isAlone)
        );
      case "SOURCE_MISMATCH":
        return scenario.source.otherDeployment > 0;
      case "SOURCE_UNSUITABLE":
        return scenario.source.fatal > 0;
      case "UNREACHABLE":
        return scenario.maxRetries < Number.POSITIVE_INFINITY || stop.signal.aborted;
      default:
        return false;
    }
  }

  private get isStorePrompt(): boolean {
    const { store, storeDown, process } = this.scenario;
    return store.slow + store.doneLater + store.hangs + storeDown.length + process.partitions === 0;
  }

  private planFaults(): void {
    const { random, time } = this;
    const { process, calmFrom } = this.scenario;
    const plan = (times: number, act: (run: Run) => void) => {
      for (let i = 0; i < times; i++)
        time.at(RUN_START + random.next() * (calmFrom - RUN_START), () => {
          const live = this.live();
          if (live.length > 0) act(random.pick(live));
        });
    };
    const points: KillPoint[] = ["before it is sent", "done and not answered"];
    plan(process.kills, (run) => run.process.kill());
    plan(process.killsAtCall, (run) => run.process.killAtCall(random.between(1, 12), random.pick(points), calmFrom));
    plan(process.stops, (run) => this.stop(run));
    plan(process.twins, () => void this.start());
    plan(process.partitions, (run) => {
      run.process.partitionedUntil = this.endOfFault(40_000);
    });
    plan(process.freezes, (run) => {
      run.process.freezeUntil(this.endOfFault(60_000));
      this.witness.note(() => `${run.process.pid} frozen`);
      this.startIfNoneRuns();
    });
  }

  /** Asks it to stop, whatever does not answer at the moment. */
  stop({ process, stop }: Run): void {
    stop.abort();
    this.time.after(STOPPED_WITHIN_MS, () => {
      if (process.alive && !process.wasFrozen) this.witness.broken("a collector does not stop");
    });
  }

  /** When a fault that begins now is over. */
  private endOfFault(mostMs: number): number {
    return Math.min(this.scenario.calmFrom, this.time.now + this.random.next() * mostMs);
  }
}
