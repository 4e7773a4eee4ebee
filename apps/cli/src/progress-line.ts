/** One line that is written over and over, on stderr when that is a terminal. */
export interface ProgressLine {
  show(text: string): void;
  /** Takes the line away, so that something else can be printed; it comes back at the next `show`. */
  clear(): void;
}

/** More often than this nobody can read it. */
const INTERVAL_MS = 100;

/** Of a terminal that does not say how wide it is. */
const WIDTH = 80;

const BACK_AND_ERASE = "\r\u001b[K";

export function progressLine(): ProgressLine {
  const { stderr } = process;
  if (!stderr.isTTY) return { show() {}, clear() {} };
  let shownAt = 0;
  return {
    show(text) {
      if (Date.now() - shownAt < INTERVAL_MS) return;
      shownAt = Date.now();
      stderr.write(`${BACK_AND_ERASE}${text.slice(0, (stderr.columns || WIDTH) - 1)}`);
    },
    clear() {
      stderr.write(BACK_AND_ERASE);
      shownAt = 0;
    },
  };
}
