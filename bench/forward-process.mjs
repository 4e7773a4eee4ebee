/** Our forwarder, as any program would run it: publishes all that a log covers to Kafka and stops. */
import { Forwarder, KafkaTarget, openStore } from "../packages/collector-core/dist/index.js";
import { onTask } from "./child.mjs";
import { peakMemoryMB } from "./machine.mjs";

onTask(async (/** @type {{ store: string, name: string, to: string }} */ { store: uri, name, to }) => {
  const location = await openStore(uri);
  const store = await location.log(name);
  try {
    const forwarder = new Forwarder({ store, target: new KafkaTarget({ uri: to, log: name }), untilCovered: true });
    let openAt = Number.NaN;
    forwarder.subscribe(({ events }) => {
      // The first stretch makes topics and opens connections.
      if (events > 0 && Number.isNaN(openAt)) openAt = performance.now();
    });
    const usedBefore = process.resourceUsage();
    const started = performance.now();
    await forwarder.run();
    const used = process.resourceUsage();
    return {
      events: forwarder.status.events,
      bytes: forwarder.status.bytes,
      seconds: (performance.now() - started) / 1000,
      startSeconds: (openAt - started) / 1000,
      cpuSeconds: (used.userCPUTime + used.systemCPUTime - usedBefore.userCPUTime - usedBefore.systemCPUTime) / 1e6,
      peakMB: await peakMemoryMB(),
    };
  } finally {
    await store.close();
    await location.close();
  }
});
