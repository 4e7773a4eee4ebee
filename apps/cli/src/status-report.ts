import { type CollectorStatus, formatClusterTime, printStatus } from "@oplog-collector/collector-core";
import { count, duration, size } from "./amounts.js";
import { printJson } from "./print.js";
import { progressLine } from "./progress-line.js";

/** The contract's "at least each 5 s", with room for a busy machine. */
const JSON_INTERVAL_MS = 4_000;

/** Shows how a collector is doing: JSON lines on stdout, or a line that is kept current on a terminal. */
export class StatusReport implements AsyncDisposable {
  private readonly line = progressLine();
  private newest: CollectorStatus | null = null;
  private readonly timer = setInterval(() => this.newest && this.show(this.newest), JSON_INTERVAL_MS);
  /** What is to be printed once the reader is ready: of each state and error in turn the newest status. */
  private waiting: CollectorStatus[] = [];
  private printing: Promise<void> | null = null;

  constructor(private readonly json: boolean) {}

  show(status: CollectorStatus): void {
    this.newest = status;
    if (!this.json) {
      this.line.show(lineOf(status));
      return;
    }
    const last = this.waiting.at(-1);
    if (last && last.state === status.state && last.error === status.error) this.waiting.pop();
    this.waiting.push(status);
    this.printing ??= this.print();
  }

  /** Writes a log line to stderr, around the line that is kept current. */
  log(line: string): void {
    this.line.clear();
    process.stderr.write(line);
  }

  /** Resolves when all is printed. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.timer);
    this.line.clear();
    await this.printing;
  }

  private async print(): Promise<void> {
    for (let next = this.waiting.shift(); next; next = this.waiting.shift()) await printJson(printStatus(next));
    this.printing = null;
  }
}

function lineOf({ state, coveredTo, lagMs, headroomMs, events, storedBytes, error }: CollectorStatus): string {
  const parts = [
    state,
    error?.message,
    coveredTo !== null && `covered to ${formatClusterTime(coveredTo)}`,
    lagMs !== null && `lag ${duration(lagMs)}`,
    headroomMs !== null && `headroom ${duration(headroomMs)}`,
    `${count(events)} events`,
    size(storedBytes),
  ];
  return parts.filter(Boolean).join(" · ");
}
