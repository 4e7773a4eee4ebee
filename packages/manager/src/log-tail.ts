import { open } from "node:fs/promises";
import { OplogError } from "@oplog-collector/collector-core";

/** A tail is for a screen. */
export const MAX_LOG_LINES = 2_000;

/** Lines are a few hundred bytes; long ones are cut off at the beginning of what is read. */
const BYTES_A_LINE = 2_048;

/** The last lines of a log file, the newest last. */
export async function readLogTail(path: string, lines: number): Promise<string[]> {
  const wanted = Math.min(Math.max(1, lines), MAX_LOG_LINES);
  const file = await open(path, "r").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return null;
    throw error;
  });
  if (!file)
    throw new OplogError("NOT_FOUND", "This server has no log file of that cluster", {
      hint: "Ask the server that runs it: its name stands in `node`.",
    });
  try {
    const { size } = await file.stat();
    const length = Math.min(size, wanted * BYTES_A_LINE);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, size - length);
    const text = buffer.toString("utf8", 0, bytesRead);
    const whole = length < size ? text.slice(text.indexOf("\n") + 1) : text;
    return whole.split("\n").filter(Boolean).slice(-wanted);
  } finally {
    await file.close();
  }
}
