import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { type ClusterTime, parseClusterTime } from "../cluster-time.js";
import type { PrintedForwardStatus } from "../forward/forward-status.js";
import type { PrintedStatus } from "../status.js";
import { StatusProcess } from "./status-process.js";

export const OPLOG = fileURLToPath(new URL("../../../../apps/cli/bin/oplog.js", import.meta.url));
const CRASH_POINTS = new URL("./crash-points.mjs", import.meta.url).href;

/** Where `crash-points.mjs` can kill: on the file store `mid-append` is between the pieces of a file, on the MongoDB store between parts or among the entries. */
export type CrashPoint =
  | "before-append"
  | "after-append"
  | "mid-append"
  | "before-checkpoint"
  | "in-checkpoint"
  | "before-bundle"
  | "after-bundle"
  | "in-removal";

/** Where it can kill a forwarder. */
export type PublicationPoint = "mid-publication" | "before-commit" | "after-commit";

export const CRASH_POINTS_ALL: readonly CrashPoint[] = [
  "before-append",
  "after-append",
  "mid-append",
  "before-checkpoint",
  "in-checkpoint",
];

export interface CollectOrder {
  source: string;
  store: string;
  name: string;
  /** Further arguments of `oplog collect`. */
  args?: string[];
  crash?: { point: CrashPoint; occurrence: number };
}

/** `oplog collect --json`, as a user runs it: a real process. */
export class CollectorProcess extends StatusProcess<PrintedStatus> {
  static start({ source, store, name, args = [], crash }: CollectOrder): CollectorProcess {
    const preload = crash ? ["--import", CRASH_POINTS] : [];
    const child = spawn(
      process.execPath,
      [...preload, OPLOG, "collect", "--json", "--source", "env:CHAOS_SOURCE", "--store", "env:CHAOS_STORE", "--name", name, ...args],
      {
        stdio: ["ignore", "pipe", "pipe"],
        env: { ...process.env, CHAOS_SOURCE: source, CHAOS_STORE: store, ...(crash && { CHAOS_CRASH_POINT: JSON.stringify(crash) }) },
      },
    );
    return new CollectorProcess(child);
  }

  /** Everything up to here is in the log, as it says itself. */
  get coveredTo(): ClusterTime {
    return (this.status?.coveredTo && parseClusterTime(this.status.coveredTo)) || 0n;
  }
}

/** `oplog forward --json`, likewise. */
export class ForwardProcess extends StatusProcess<PrintedForwardStatus> {
  static start(command: readonly string[]): ForwardProcess {
    return new ForwardProcess(spawn(process.execPath, [OPLOG, ...command], { stdio: ["ignore", "pipe", "pipe"] }));
  }
}

export interface Answer {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs any `oplog` command to its end. */
export const oplog = (...args: string[]): Promise<Answer> => oplogWith({}, ...args);

/** With more in its environment. */
export async function oplogWith(env: NodeJS.ProcessEnv, ...args: string[]): Promise<Answer> {
  const { signal, code, ...printed } = await run([OPLOG, ...args], { ...process.env, ...env });
  if (code === null) throw new Error(`oplog ${args[0]} was ended by ${signal}`);
  return { code, ...printed };
}

/** Runs any `oplog` command until it is killed at a point; throws when it comes to its end before. `store` is the one that it writes. */
export async function oplogKilledAt(
  crash: { point: CrashPoint | PublicationPoint; occurrence: number },
  store: string,
  ...args: string[]
): Promise<void> {
  const env = { ...process.env, CHAOS_STORE: store, CHAOS_CRASH_POINT: JSON.stringify(crash) };
  const { signal, code, stdout, stderr } = await run(["--import", CRASH_POINTS, OPLOG, ...args], env);
  if (signal !== "SIGKILL" || !stderr.includes(`crash point ${crash.point}`))
    throw new Error(`oplog ${args[0]} did not die at ${JSON.stringify(crash)} but ended with ${code ?? signal}\n${stdout}\n${stderr}`);
}

async function run(args: string[], env: NodeJS.ProcessEnv) {
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"], env });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text) => (stderr += text));
  const [code, signal]: [number | null, NodeJS.Signals | null] = (await once(child, "close")) as never;
  return { code, signal, stdout, stderr };
}
