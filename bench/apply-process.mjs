/** Our apply, as any program would run it: applies a range of a log to a target. */
import { openStore } from "../packages/collector-core/dist/index.js";
import { apply } from "../packages/restore/dist/index.js";
import { onTask } from "./child.mjs";
import { memoryMB, peakMemoryMB } from "./machine.mjs";

/** How far it is and what it holds are told this often. */
const TELL_EVERY_MS = 100;

onTask(async (/** @type {{ store: string, name: string, after: string, to: string, target: string }} */ task) => {
  const location = await openStore(task.store);
  const store = await location.log(task.name);
  try {
    const usedBefore = process.resourceUsage();
    const started = performance.now();
    let told = Number.NEGATIVE_INFINITY;
    const report = await apply({
      ...{ store, log: task.name, target: task.target, after: BigInt(task.after), to: BigInt(task.to) },
      onProgress: (progress) => {
        const at = performance.now();
        if (at - told < TELL_EVERY_MS) return;
        told = at;
        const { user, system } = process.cpuUsage();
        const events = progress.phase === "applying" ? progress.events : 0;
        process.send?.({ at, events, memoryMB: memoryMB(), cpuSeconds: (user + system) / 1e6 });
      },
    });
    const seconds = (performance.now() - started) / 1000;
    const used = process.resourceUsage();
    return {
      events: report.events,
      seconds,
      cpuSeconds: (used.userCPUTime + used.systemCPUTime - usedBefore.userCPUTime - usedBefore.systemCPUTime) / 1e6,
      peakMB: await peakMemoryMB(),
    };
  } finally {
    await store.close();
    await location.close();
  }
});
