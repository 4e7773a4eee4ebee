/** Our collector under a live load: tells at once how many events are durable, until it is told to stop. */
import { ChangeStreamSource, Collector, OplogSource, openStore } from "../packages/collector-core/dist/index.js";
import { onTask } from "./child.mjs";
import { peakMemoryMB } from "./machine.mjs";
import { wallClock } from "./workload.mjs";

onTask(async (/** @type {{ uri: string, store: string, name: string, rpoMs: number, capture: 'change-stream' | 'oplog' }} */ task) => {
  const source = task.capture === "oplog" ? new OplogSource({ uri: task.uri }) : new ChangeStreamSource({ uri: task.uri });
  const location = await openStore(task.store);
  const store = await location.log(task.name);
  const stop = new AbortController();
  process.on("message", () => stop.abort());
  try {
    const collector = new Collector({ name: task.name, source, store, storeLocation: location, limits: { ageMs: task.rpoMs } });
    let told = "";
    collector.subscribe(({ state, events }) => {
      if (`${state} ${events}` === told) return;
      told = `${state} ${events}`;
      process.send?.({ state, events, at: wallClock() });
    });
    const usedBefore = process.resourceUsage();
    await collector.run(stop.signal);
    const used = process.resourceUsage();
    return {
      events: collector.status.events,
      storedBytes: collector.status.storedBytes,
      bytes: collector.status.bytes,
      cpuSeconds: (used.userCPUTime + used.systemCPUTime - usedBefore.userCPUTime - usedBefore.systemCPUTime) / 1e6,
      peakMB: await peakMemoryMB(),
    };
  } finally {
    await Promise.all([source.close(), store.close()]);
    await location.close();
  }
});
