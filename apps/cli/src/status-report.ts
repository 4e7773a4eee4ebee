import { type CollectorStatus, dateOf, formatClusterTime, printStatus } from "@oplog-collector/collector-core";
import { count, duration, size } from "./amounts.js";
import { makeLogger } from "./logger.js";
import { printJson } from "./print.js";
import { progressLine } from "./progress-line.js";

/** The contract's "at least each 5 s", with room for a busy machine. */
const JSON_INTERVAL_MS = 4_000;

/** Often enough to see in a log file that all was well, and seldom enough not to fill it. */
const LOG_INTERVAL_MS = 60_000;

/**
 * Shows how a collector is doing: as JSON lines on stdout, as a line that is kept current on a terminal, or else in the log, at each change of state
 * and once a minute.
 */
export class StatusReport implements AsyncDisposable {
  /** Writes to stderr, around the line that is kept current. */
  readonly logger = makeLogger((line) => {
    this.line.clear();
    process.stderr.write(line);
  });
  private readonly line = progressLine();
  private newest: CollectorStatus | null = null;
  private readonly timer: NodeJS.Timeout;
  private readonly showNow: (status: CollectorStatus) => void;
  /** What is to be printed once the reader is ready: of each state and error in turn the newest status. */
  private waiting: CollectorStatus[] = [];
  private printing: Promise<void> | null = null;

  constructor({ json }: { json: boolean }) {
    this.showNow = json ? this.queue : process.stderr.isTTY ? (status) => this.line.show(lineOf(status)) : this.logIfChanged;
    this.timer = setInterval(() => this.repeat(json), json ? JSON_INTERVAL_MS : LOG_INTERVAL_MS);
  }

  show(status: CollectorStatus): void {
    this.showNow(status);
    this.newest = status;
  }

  /** Resolves when all is printed. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.timer);
    this.line.clear();
    await this.printing;
  }

  private repeat(json: boolean): void {
    if (!this.newest) return;
    if (json) this.queue(this.newest);
    else if (!process.stderr.isTTY) this.logStatus(this.newest);
  }

  private readonly queue = (status: CollectorStatus): void => {
    const last = this.waiting.at(-1);
    if (last && last.state === status.state && last.error === status.error) this.waiting.pop();
    this.waiting.push(status);
    this.printing ??= this.print();
  };

  private async print(): Promise<void> {
    for (let next = this.waiting.shift(); next; next = this.waiting.shift()) await printJson(printStatus(next));
    this.printing = null;
  }

  private readonly logIfChanged = (status: CollectorStatus): void => {
    if (status.state !== this.newest?.state) this.logStatus(status);
  };

  private logStatus({ state, coveredTo, lagMs, headroomMs, events, capture, notes }: CollectorStatus): void {
    const covered = coveredTo === null ? null : formatClusterTime(coveredTo);
    this.logger.info(
      { state, coveredTo: covered, lagMs, headroomMs, events, capture, ...(state === "running" && notes.length > 0 && { notes }) },
      state,
    );
  }
}

function lineOf({ state, coveredTo, lagMs, headroomMs, events, storedBytes, error }: CollectorStatus): string {
  const parts = [
    state,
    error?.message,
    coveredTo !== null && `covered to ${dateOf(coveredTo).toISOString()}`,
    lagMs !== null && `lag ${duration(lagMs)}`,
    headroomMs !== null && `headroom ${duration(headroomMs)}`,
    `${count(events)} events`,
    size(storedBytes),
  ];
  return parts.filter(Boolean).join(" · ");
}
