import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { guardProcess, releaseProcess } from "../../../../scripts/orphan-guard.mjs";
import type { TcpProxy } from "../../../../scripts/tcp-proxy.mjs";
import type { WireMessage } from "../../../../scripts/wire-messages.mjs";

const OPLOG = fileURLToPath(new URL("../../../../apps/cli/bin/oplog.js", import.meta.url));

export interface Ended {
  /** Null when it was killed. */
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs the command line as a user does; `onStart` gets the means to kill it. */
export async function oplog(args: string[], onStart: (kill: () => void) => void = () => {}): Promise<Ended> {
  const child = spawn(process.execPath, [OPLOG, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  guardProcess(child.pid!);
  const ended: Ended = { code: null, stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text) => (ended.stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text) => (ended.stderr += text));
  onStart(() => child.kill("SIGKILL"));
  [ended.code] = await once(child, "close");
  releaseProcess(child.pid!);
  return ended;
}

/** A moment in the talk between a command and a server, whatever the time that it comes at: a machine may be fast or busy. */
export interface Moment {
  name: string;
  from: "client" | "server";
  /** Asked for each message of that side, until it says yes. */
  isNow(message: WireMessage): boolean;
}

/** The `n`th message of which `is` holds. */
export function nth(n: number, name: string, from: Moment["from"], is: (message: WireMessage) => boolean): Moment {
  let seen = 0;
  return { name: `${name} ${n}`, from, isNow: (message) => is(message) && ++seen === n };
}

/**
 * Runs the command once for each moment, kills it there, by chance before or after the message of that moment has passed, and at last lets it end.
 * From the second time on it is given `resume` as well. Throws when it ended before a moment came: then nothing was tried.
 */
export async function killedAt(
  moments: readonly Moment[],
  proxy: TcpProxy,
  args: string[],
  random: () => number,
  resume: string[] = [],
): Promise<Ended> {
  for (const [run, moment] of moments.entries()) {
    const passes = random() < 0.5;
    const ended = await oplog(run === 0 ? args : [...args, ...resume], (kill) => {
      let killed = false;
      const hook = (message: WireMessage) => {
        // What still comes from a process that is killed must not get through either.
        if (killed) return "destroy" as const;
        if (!moment.isNow(message)) return undefined;
        killed = true;
        kill();
        return passes ? ("forward-then-destroy" as const) : ("destroy" as const);
      };
      if (moment.from === "client") proxy.onClientMessage(hook);
      else proxy.onServerMessage(hook);
    });
    proxy.heal();
    if (ended.code !== null) throw new Error(`The command ended with ${ended.code} before ${moment.name}: ${ended.stderr}`);
  }
  return oplog(moments.length === 0 ? args : [...args, ...resume]);
}
