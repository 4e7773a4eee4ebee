import { once } from "node:events";

/** Grows when a field of what `--json` prints changes its meaning or goes away. */
export const SCHEMA_VERSION = 1;

const readerGone = new AbortController();

/** Aborts when nobody reads stdout any more: `oplog events | head` is a way to end, not a failure. */
export const stdoutClosed: AbortSignal = readerGone.signal;

process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  readerGone.abort();
});
// A terminal that goes away while something is told to it must not hide how the command itself ended.
process.stderr.on("error", () => {});

/** Writes one line of results; resolves when the reader has room for more. */
export async function printLine(line: string): Promise<void> {
  if (stdoutClosed.aborted || process.stdout.write(`${line}\n`)) return;
  await once(process.stdout, "drain", { signal: stdoutClosed }).catch(() => {}); // the reader is gone: the signal says so to whoever goes on
}

/** One JSON document, or one of the lines of a stream of them. */
export const printJson = (document: object): Promise<void> => printLine(JSON.stringify({ schemaVersion: SCHEMA_VERSION, ...document }));

/** Tells the person at the terminal something that is not a result. */
export const tell = (text: string): void => {
  process.stderr.write(`${text}\n`);
};
