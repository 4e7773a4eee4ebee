/**
 * What the same client does at most: messages of the same bytes, ready before the clock starts, to one topic in requests of the same size, each
 * acknowledged before the next, in no transaction. No log is read, nothing is kept of how far it is.
 */
import kafkajs from "kafkajs";
import { openStore, readEvents } from "../packages/collector-core/dist/index.js";
import { onTask } from "./child.mjs";
import { peakMemoryMB } from "./machine.mjs";

/** As a forwarder sends them. */
const MESSAGES = 500;

onTask(async (/** @type {{ store: string, name: string, brokers: string, topic: string }} */ { store: uri, name, brokers, topic }) => {
  const location = await openStore(uri);
  const store = await location.log(name);
  const messages = [];
  let bytes = 0;
  for await (const event of readEvents(store)) {
    messages.push({ key: Buffer.from(event.bytes.subarray(-24)), value: Buffer.from(event.bytes), partition: 0 });
    bytes += event.bytes.length;
  }
  await store.close();
  await location.close();
  const kafka = new kafkajs.Kafka({ brokers: [brokers], logLevel: kafkajs.logLevel.ERROR });
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1, createPartitioner: kafkajs.Partitioners.DefaultPartitioner });
  await producer.connect();
  try {
    const usedBefore = process.resourceUsage();
    const started = performance.now();
    for (let at = 0; at < messages.length; at += MESSAGES) await producer.send({ topic, messages: messages.slice(at, at + MESSAGES) });
    const seconds = (performance.now() - started) / 1000;
    const used = process.resourceUsage();
    return {
      events: messages.length,
      bytes,
      seconds,
      cpuSeconds: (used.userCPUTime + used.systemCPUTime - usedBefore.userCPUTime - usedBefore.systemCPUTime) / 1e6,
      peakMB: await peakMemoryMB(),
    };
  } finally {
    await producer.disconnect();
  }
});
