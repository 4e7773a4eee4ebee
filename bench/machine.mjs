/** What the figures were measured on, and what a process took: from /proc, so on Linux. */
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { availableParallelism, cpus, loadavg, totalmem } from "node:os";
import { promisify } from "node:util";
import { findMongod } from "../scripts/mongod.mjs";

/** Linux counts CPU time in hundredths of a second on every platform that Node supports. */
const TICKS_PER_SECOND = 100;

/** Of the last minute: what else the machine does shows here. */
export const loadAverage = () => Number(/** @type {number} */ (loadavg()[0]).toFixed(2));

export async function describeMachine() {
  const { path } = await findMongod();
  const { stdout } = await promisify(execFile)(path, ["--version"]);
  return {
    cores: availableParallelism(),
    cpu: cpus()[0]?.model ?? "unknown",
    memoryGB: Math.round(totalmem() / 1024 ** 3),
    node: process.version,
    mongod: /db version v(\S+)/.exec(stdout)?.[1] ?? "unknown",
  };
}

/** User and system CPU time of a process since its start, in seconds. @param {number} pid */
export async function cpuSeconds(pid) {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8");
  // The name, in parentheses, may hold anything; the fields are counted after it. 14 and 15 are utime and stime.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** What this process holds now, in MB (10^6 bytes). */
export const memoryMB = () => process.memoryUsage.rss() / 1e6;

/** The most memory this process has had, in MB (10^6 bytes). */
export async function peakMemoryMB() {
  const status = await readFile("/proc/self/status", "utf8");
  return Math.round((Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1]) * 1024) / 1e6);
}
