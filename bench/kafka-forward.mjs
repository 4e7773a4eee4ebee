/** How fast a log is published to Kafka, exactly once, beside what the same client does without any of it. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import kafkajs from "kafkajs";
import { kafkaMissing, startKafkaServer } from "../scripts/kafka-server.mjs";
import { backlogOf, captureBacklog } from "./backlog.mjs";
import { runChild } from "./child.mjs";
import { inTurn, median } from "./in-turn.mjs";

/** A broker on the same two cores takes some ten thousand a second: enough of them for a rate. */
const OF_BACKLOG = 0.2;

/** Debezium 3.6, which is made for this, of a MongoDB change stream. */
const AHEAD_OF = 9_600;

/** @typedef {import('./backlog.mjs').Drained} Drained */

/** @type {Record<string, string>} */
const LABELS = {
  client: "the client alone: prepared messages, no transactions",
  bson: "ours, format=bson, exactly once",
  json: "ours, format=json, exactly once",
};

/** @param {import('./run.mjs').Bench} bench @returns {Promise<import('./report.mjs').Figure>} */
export async function kafkaForward(bench) {
  const { servers, events: all, repeat, log } = bench;
  const figure = { name: "kafka-forward", columns: ["", "events/s", "of the client alone", "CPU s per million: process", "peak MB"] };
  const missing = await kafkaMissing();
  if (missing) return { ...figure, title: "Publishing to Kafka", rows: [], goals: [], notes: [`Left out: ${missing}.`], data: {} };
  const events = Math.ceil(all * OF_BACKLOG);
  const backlog = await backlogOf(bench, events);
  const folder = join(await servers.folder(), "forward");
  const store = pathToFileURL(folder).href;
  const captured = await captureBacklog(backlog, { store, name: "forward" });
  const kafka = await startKafkaServer();
  const topics = await Topics.of(kafka.brokers);
  log("Publishing it to Kafka …");
  let run = 0;
  /** @param {string} format */
  const ours = async (format) => {
    const topic = `${format}-${++run}`;
    const to = kafka.uri(`topic=${topic}&format=${format}&partitions=1&replication=1&positions=${topic}-positions`);
    /** @type {Drained} */
    const drained = await runChild("forward-process.mjs", { store, name: "forward", to });
    if (drained.events !== captured.events) throw new Error(`${drained.events} events were published; the log holds ${captured.events}`);
    await topics.check(topic, captured.events);
    return drained;
  };
  const client = async () => {
    const topic = `client-${++run}`;
    await topics.make(topic);
    return /** @type {Drained} */ (await runChild("kafka-ceiling-process.mjs", { store, name: "forward", brokers: kafka.brokers, topic }));
  };
  const runs = await inTurn(repeat, { client, bson: () => ours("bson"), json: () => ours("json") }, (name, drained) =>
    log(`  ${name}: ${Math.round(drained.events / drained.seconds)} events/s`),
  ).finally(() => topics.close().finally(() => kafka.stop()));
  await rm(folder, { recursive: true });
  const rate = (/** @type {Drained} */ { events: done, seconds }) => done / seconds;
  const json = median(/** @type {Drained[]} */ (runs.json).map(rate));
  const alone = /** @type {Drained[]} */ (runs.client).map(rate);
  return {
    ...figure,
    title: `Publishing to Kafka: a log of ${captured.events} change events, one topic, one partition`,
    rows: Object.entries(runs).map(([name, drains]) => [
      LABELS[name] ?? name,
      `${Math.round(median(drains.map(rate)))}`,
      median(drains.map((drained, pair) => rate(drained) / /** @type {number} */ (alone[pair]))).toFixed(2),
      median(drains.map(({ cpuSeconds, events: done }) => (cpuSeconds / done) * 1e6)).toFixed(1),
      `${Math.max(...drains.map(({ peakMB }) => peakMB))}`,
    ]),
    goals: [
      {
        what: "format=json, events/s, against the most recorded of Debezium",
        limit: `> ${AHEAD_OF}`,
        value: `${Math.round(json)}`,
        reached: json > AHEAD_OF,
      },
    ],
    notes: [
      "The broker, a Java process with a heap of 384 MB, has the same two cores. Each time the topic then held at least as many records as the log has events (with the marks of transactions).",
    ],
    data: runs,
  };
}

class Topics {
  #admin;

  /** @param {import('kafkajs').Admin} admin */
  constructor(admin) {
    this.#admin = admin;
  }

  /** @param {string} brokers */
  static async of(brokers) {
    const admin = new kafkajs.Kafka({ brokers: [brokers], logLevel: kafkajs.logLevel.NOTHING }).admin();
    await admin.connect();
    return new Topics(admin);
  }

  /** @param {string} topic */
  make(topic) {
    return this.#admin.createTopics({ topics: [{ topic, numPartitions: 1, replicationFactor: 1 }] });
  }

  /** @param {string} topic @param {number} events */
  async check(topic, events) {
    const offsets = await this.#admin.fetchTopicOffsets(topic);
    const held = offsets.reduce((sum, { high }) => sum + Number(high), 0);
    if (held < events) throw new Error(`the topic holds ${held} records; ${events} events were published`);
  }

  close() {
    return this.#admin.disconnect();
  }
}
