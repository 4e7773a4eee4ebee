import { type CollectorStatus, type PrintedStatus, printStatus } from "@oplog-collector/collector-core";
import { REPORT_INTERVAL_MS } from "./runner.js";

/** A busy collector changes its figures many times a second; nobody reads them faster than this. */
const FIGURES_MS = 500;

/** Passes a collector's status on: a new state or error at once, figures now and then, and a sign of life when nothing changes. */
export class ReportThrottle {
  private lastSentAt = 0;
  private due: NodeJS.Timeout | null = null;
  private readonly beat: NodeJS.Timeout;

  constructor(
    private readonly report: (status: PrintedStatus) => void,
    public last: CollectorStatus,
  ) {
    this.beat = setInterval(() => this.send(), REPORT_INTERVAL_MS);
    this.send();
  }

  show(status: CollectorStatus): void {
    const changed = status.state !== this.last.state || status.error?.message !== this.last.error?.message;
    this.last = status;
    const wait = this.lastSentAt + FIGURES_MS - performance.now();
    if (changed || wait <= 0) this.send();
    else this.due ??= setTimeout(() => this.send(), wait);
  }

  [Symbol.dispose](): void {
    clearInterval(this.beat);
    if (this.due) clearTimeout(this.due);
  }

  private send(): void {
    if (this.due) clearTimeout(this.due);
    this.due = null;
    this.lastSentAt = performance.now();
    this.report(printStatus(this.last));
  }
}
