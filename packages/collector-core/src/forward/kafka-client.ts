import type { Kafka, SASLOptions } from "kafkajs";
import type { Logger } from "pino";
import { OplogError } from "../errors.js";
import type { KafkaUri } from "./kafka-uri.js";

type KafkaJs = typeof import("kafkajs");

/** What is needed of the client, loaded when the first broker is opened. */
export interface KafkaClient {
  kafkajs: KafkaJs;
  kafka: Kafka;
}

const TIMEOUTS = {
  /** The forwarder retries by its own rules, and wants to know soon. */
  connectionTimeout: 5_000,
  authenticationTimeout: 10_000,
  /** The client's own. */
  requestTimeout: 30_000,
};

/**
 * What a broker answers while it finishes something, such as the transaction before, is asked again soon: waiting the client's 300 ms would be the
 * slowest part. What lasts for longer is for the forwarder, who shows it in its status.
 */
const RETRY = { initialRetryTime: 10, maxRetryTime: 500, multiplier: 2, retries: 7 };

export async function kafkaClient({ brokers, ssl, sasl }: KafkaUri, logger: Logger): Promise<KafkaClient> {
  const module = await import("kafkajs").catch((cause) => {
    throw new OplogError("BAD_INPUT", "Publishing to Kafka needs the package kafkajs, which is not installed", {
      cause,
      hint: "Install it beside Oplog Collector: npm install kafkajs",
    });
  });
  // It is a CommonJS module: its names are on the default export.
  const kafkajs = (module as KafkaJs & { default: KafkaJs }).default;
  const kafka = new kafkajs.Kafka({
    brokers,
    clientId: "oplog-collector",
    ssl,
    ...(sasl && { sasl: sasl as SASLOptions }),
    ...TIMEOUTS,
    retry: RETRY,
    logLevel: kafkajs.logLevel.WARN,
    // What it calls an error is mostly a try of several; what comes of them is thrown, and told in the status.
    logCreator:
      () =>
      ({ namespace, log }) =>
        logger.debug({ kafkajs: namespace, ...log }, log.message),
  });
  return { kafkajs, kafka };
}
