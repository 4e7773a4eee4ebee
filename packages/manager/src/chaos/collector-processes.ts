import { readdir, readFile } from "node:fs/promises";

/** The collectors' processes whose cluster's name begins so, by pid: what the operating system says, whatever any manager thinks. */
export async function collectorProcesses(prefix: string): Promise<Map<number, string>> {
  const found = new Map<number, string>();
  for (const pid of await readdir("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    // Gone meanwhile, or ended and not yet collected by its parent: then it has no command line.
    const command = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
    const [, name] = /collector-child\.js\0([^\0]+)/.exec(command) ?? [];
    if (name?.startsWith(prefix)) found.set(Number(pid), name);
  }
  return found;
}
