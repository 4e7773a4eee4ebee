/** Our collector, as any program would run it: reads a backlog into a store and stops when it has caught up. */
import { ChangeStreamSource, Collector, OplogSource, openStore } from "../packages/collector-core/dist/index.js";
import { onTask } from "./child.mjs";
import { peakMemoryMB } from "./machine.mjs";

/** @typedef {{ uri: string, store: string, name: string, capture: 'change-stream' | 'oplog', from: string, events: number }} Task `events`: when so many are durable, it has drained all */

onTask(async (/** @type {Task} */ task) => {
  const source = task.capture === "oplog" ? new OplogSource({ uri: task.uri }) : new ChangeStreamSource({ uri: task.uri });
  const location = await openStore(task.store);
  const store = await location.log(task.name);
  try {
    const collector = new Collector({
      name: task.name,
      source,
      store,
      storeLocation: location,
      from: { kind: "time", after: BigInt(task.from) },
      exitWhenCaughtUp: true,
    });
    let [openAt, durableAt] = [Number.NaN, Number.NaN];
    collector.subscribe(({ state, events }) => {
      if (state === "running" && Number.isNaN(openAt)) openAt = performance.now();
      if (events >= task.events && Number.isNaN(durableAt)) durableAt = performance.now();
    });
    const usedBefore = process.resourceUsage();
    const started = performance.now();
    await collector.run();
    const used = process.resourceUsage();
    const { events, bytes, storedBytes } = collector.status;
    return {
      events,
      bytes,
      storedBytes,
      // From the open stream until the last event is durable; that there is nothing more it learns a little later.
      seconds: (durableAt - openAt) / 1000,
      startSeconds: (openAt - started) / 1000,
      cpuSeconds: (used.userCPUTime + used.systemCPUTime - usedBefore.userCPUTime - usedBefore.systemCPUTime) / 1e6,
      peakMB: await peakMemoryMB(),
    };
  } finally {
    await Promise.all([source.close(), store.close()]);
    await location.close();
  }
});
