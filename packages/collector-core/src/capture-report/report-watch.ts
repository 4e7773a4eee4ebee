import type { Logger } from "pino";
import type { Clock } from "../clock.js";
import { describeError } from "../describe-error.js";
import type { EventCount } from "../segment.js";
import type { EventStream } from "../source/source.js";
import type { StatusBoard } from "../status.js";
import { type CaptureFinding, type CaptureReport, namedFinding } from "./capture-report.js";

/** Rights, and what a stream does not show, change without a word: so often it is looked without a reason. */
const LOOK_INTERVAL_MS = 10 * 60_000;

/** After a look so many times as long as it took, so that a source on which collections come and go all the time is busy with us one part in 20. */
const PAUSE_TIMES = 20;

/** Even when a look takes no time: collections often come several at once. */
const PAUSE_AT_LEAST_MS = 1_000;

/** After which there are other collections than before, by the names of change events and of the oplog's commands. A conversion ends with a rename. */
const CHANGES_COLLECTIONS = new Set(["create", "drop", "dropDatabase", "rename", "renameCollection"]);

export interface ReportWatchOptions {
  board: StatusBoard;
  clock: Clock;
  logger: Logger;
}

/** Keeps in the status what of the source is carried; says once what it finds that is not. */
export class ReportWatch {
  private stream: Pick<EventStream, "report"> | null = null;
  private asleep = new AbortController();
  /** There is a reason to look. */
  private due = false;
  private known = new Map<string, CaptureFinding>();

  constructor(private readonly options: ReportWatchOptions) {}

  /** The stream that is read from now on: another member may answer. */
  opened(stream: Pick<EventStream, "report">): void {
    this.stream = stream;
    this.wake();
  }

  /** What was stored. */
  appended({ counts }: { counts: readonly EventCount[] }): void {
    if (counts.some(({ operation }) => CHANGES_COLLECTIONS.has(operation))) this.wake();
  }

  /** Looks when there is a reason to, and now and then, until the signal aborts. */
  async watch(signal: AbortSignal): Promise<void> {
    const { clock } = this.options;
    signal.addEventListener("abort", () => this.asleep.abort(), { once: true });
    while (!signal.aborted) {
      if (!this.due) await clock.sleep(LOOK_INTERVAL_MS, this.asleep.signal);
      if (signal.aborted) return;
      this.asleep = new AbortController();
      this.due = false;
      const began = clock.now();
      await this.look(signal);
      const pause = Math.max(PAUSE_AT_LEAST_MS, PAUSE_TIMES * (clock.now() - began));
      await clock.sleep(Math.min(pause, LOOK_INTERVAL_MS), signal);
    }
  }

  private wake(): void {
    this.due = true;
    this.asleep.abort();
  }

  private async look(signal: AbortSignal): Promise<void> {
    const { board, logger } = this.options;
    try {
      const report = await this.stream?.report();
      if (!report || signal.aborted) return;
      board.update({ captureReport: report });
      this.tell(report);
    } catch (error) {
      // The stream is in the same trouble and says so; when it is opened again, we look again.
      if (!signal.aborted) logger.debug({ ...describeError(error) }, "what of the source is carried could not be looked at");
    }
  }

  /** What is new is told once, and what has gone. */
  private tell({ findings, cut }: CaptureReport): void {
    const { logger } = this.options;
    const uncarried = new Map(findings.filter(({ missing }) => missing).map((finding) => [`${finding.kind} ${finding.carried}`, finding]));
    for (const [key, finding] of uncarried) {
      const known = this.known.get(key);
      if (!known || finding.namespaces.some((name) => !known.namespaces.includes(name)))
        logger.warn(toLog(finding), `carried ${finding.carried}: ${namedFinding(finding)}`);
    }
    for (const [key, finding] of this.known)
      if (!uncarried.has(key)) logger.info(toLog(finding), `no longer there or no longer missing: ${finding.what}`);
    if (cut !== null) logger.debug({ cut }, "not all of the source was looked at");
    this.known = uncarried;
  }
}

const toLog = ({ kind, count, why, whatToDo }: CaptureFinding) => ({ kind, count, why, whatToDo });
