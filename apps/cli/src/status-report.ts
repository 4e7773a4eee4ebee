import { type Collector, type CollectorStatus, formatClusterTime, printStatus } from "@oplog-collector/collector-core";
import { count, duration, size } from "./amounts.js";
import { printJson } from "./print.js";
import { progressLine } from "./progress-line.js";

/** The contract's "at least each 5 s", with room for a busy machine. */
const JSON_INTERVAL_MS = 4_000;

/** Shows how a collector is doing: JSON lines on stdout, or a line that is kept current on a terminal. */
export class StatusReport {
  private readonly line = progressLine();
  private timer: NodeJS.Timeout | undefined;
  /** What is to be printed while the reader is slow: the newest status of each state and error in turn. */
  private waiting: CollectorStatus[] = [];
  private printing: Promise<void> | null = null;

  constructor(private readonly json: boolean) {}

  follow(collector: Collector): void {
    this.show(collector.status);
    collector.subscribe((status) => this.show(status));
    this.timer = setInterval(() => this.show(collector.status), JSON_INTERVAL_MS);
  }

  /** Writes a log line to stderr, around the line that is kept current. */
  log(line: string): void {
    this.line.clear();
    process.stderr.write(line);
  }

  async finish(): Promise<void> {
    clearInterval(this.timer);
    this.line.clear();
    await this.printing;
  }

  private show(status: CollectorStatus): void {
    if (!this.json) {
      this.line.show(lineOf(status));
      return;
    }
    const last = this.waiting.at(-1);
    if (last && last.state === status.state && last.error === status.error) this.waiting.pop();
    this.waiting.push(status);
    this.printing ??= this.print();
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
