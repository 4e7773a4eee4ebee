import { duration, size } from "./amounts.js";

const CELLS = 20;

/** Before this the rate says little, so no time left is guessed. */
const SETTLED_MS = 2_000;

/** `[#####               ]  25 %  120.0 MiB  60.1 MiB/s  6.0 s left`: how far, how fast, how long still. */
export function progressBar(done: number, total: number, elapsedMs: number): string {
  const share = total > 0 ? Math.min(1, done / total) : 0;
  const filled = Math.round(share * CELLS);
  const rate = elapsedMs > 0 ? (done * 1000) / elapsedMs : 0;
  const left = elapsedMs >= SETTLED_MS && rate > 0 && total > done ? `  ${duration(((total - done) * 1000) / rate)} left` : "";
  return `[${"#".repeat(filled)}${" ".repeat(CELLS - filled)}] ${String(Math.floor(share * 100)).padStart(3)} %  ${size(done)}  ${size(rate)}/s${left}`;
}
