import type { StatusError } from "@oplog-collector/collector-core";
import { makeLogger } from "./logger.js";
import { printJson } from "./print.js";
import { progressLine } from "./progress-line.js";

/** The contract's "at least each 5 s", with room for a busy machine. */
const JSON_INTERVAL_MS = 4_000;

/** Often enough to see in a log file that all was well, and seldom enough not to fill it. */
const LOG_INTERVAL_MS = 60_000;

/** What every status has. */
interface AnyStatus {
  state: string;
  error: StatusError | null;
}

/** A status in its three forms. */
export interface StatusForms<T extends AnyStatus> {
  json(status: T): object;
  /** For a terminal. */
  line(status: T): string;
  logged(status: T): object;
}

/**
 * Shows how a collector or a forwarder is doing: as JSON lines on stdout, as a line that is kept current on a terminal, or else in the log, at each change of state
 * and once a minute.
 */
export class StatusReport<T extends AnyStatus> implements AsyncDisposable {
  /** Writes to stderr, around the line that is kept current. */
  readonly logger = makeLogger((line) => {
    this.line.clear();
    process.stderr.write(line);
  });
  private readonly line = progressLine();
  private newest: T | null = null;
  private readonly timer: NodeJS.Timeout;
  private readonly showNow: (status: T) => void;
  /** What is to be printed once the reader is ready: of each state and error in turn the newest status. */
  private waiting: T[] = [];
  private printing: Promise<void> | null = null;

  constructor(
    private readonly forms: StatusForms<T>,
    { json }: { json: boolean },
  ) {
    this.showNow = json ? this.queue : process.stderr.isTTY ? (status) => this.line.show(forms.line(status)) : this.logIfChanged;
    this.timer = setInterval(() => this.repeat(json), json ? JSON_INTERVAL_MS : LOG_INTERVAL_MS);
  }

  show(status: T): void {
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

  private readonly queue = (status: T): void => {
    const last = this.waiting.at(-1);
    if (last && last.state === status.state && last.error === status.error) this.waiting.pop();
    this.waiting.push(status);
    this.printing ??= this.print();
  };

  private async print(): Promise<void> {
    for (let next = this.waiting.shift(); next; next = this.waiting.shift()) await printJson(this.forms.json(next));
    this.printing = null;
  }

  private readonly logIfChanged = (status: T): void => {
    if (status.state !== this.newest?.state) this.logStatus(status);
  };

  private logStatus(status: T): void {
    this.logger.info({ state: status.state, ...this.forms.logged(status) }, status.state);
  }
}
