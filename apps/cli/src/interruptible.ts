import { EXIT } from "./exit-code.js";
import { printJson, printLine, tell } from "./print.js";
import { progressLine } from "./progress-line.js";
import { stopSignal } from "./stop-signal.js";

export interface Work {
  /** Aborts when the command is interrupted. */
  signal: AbortSignal;
  /** Shows how far it is. */
  show: (text: string) => void;
}

/** What a command found or did, in its two forms. */
export interface Outcome {
  json: object;
  text: string;
}

/** Runs what takes its time, with a progress line, and prints its outcome. Interrupted, it tells what became of it and exits with 130. */
export async function interruptible(
  { json = false, interrupted }: { json?: boolean; interrupted: string },
  work: (work: Work) => Promise<Outcome>,
): Promise<void> {
  using stop = stopSignal();
  const line = progressLine();
  try {
    const outcome = await work({ signal: stop.signal, show: line.show });
    line.clear();
    await (json ? printJson(outcome.json) : printLine(outcome.text));
  } catch (error) {
    line.clear();
    if (!stop.signal.aborted) throw error;
    tell(`oplog: interrupted${interrupted}`);
    process.exitCode = EXIT.interrupted;
  }
}
