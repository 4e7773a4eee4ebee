import { randomUUID } from "node:crypto";
import type { Kafka, Message } from "kafkajs";
import { type ForwardPosition, parseForwardPosition, printForwardPosition } from "./forward-position.js";

/** A topic of positions stays small, so that it is read in a moment: only the newest record of a key matters. */
export const POSITIONS_CONFIG = [
  { name: "cleanup.policy", value: "compact" },
  // The open part of a topic is never compacted: the smallest that brokers allow, and no older than an hour.
  { name: "segment.bytes", value: `${1024 * 1024}` },
  { name: "segment.ms", value: `${3_600_000}` },
  { name: "min.cleanable.dirty.ratio", value: "0.1" },
];

/** Everything about positions is in one partition, so that it has an order. */
export const POSITIONS_PARTITION = 0;

/** A transaction of another forwarder that was killed holds up readers for the minute until the broker gives it up. */
const READ_TIMEOUT_MS = 90_000;

/** Who publishes one log to one place. */
export interface Publisher {
  /** Names log and place: what positions are kept under. */
  id: string;
  /** Random, one a run. */
  run: string;
}

export const positionRecord = ({ id }: Publisher, position: ForwardPosition): Message => ({
  key: `position ${id}`,
  value: JSON.stringify(printForwardPosition(position)),
  partition: POSITIONS_PARTITION,
});

/** Says whose turn it is, and marks how far a reader has to read. */
export function claimRecord({ id, run }: Publisher, kind: "claim" | "look"): { mark: string; message: Message } {
  const mark = randomUUID();
  return { mark, message: { key: `${kind} ${id}`, value: JSON.stringify({ run, mark }), partition: POSITIONS_PARTITION } };
}

/**
 * Reads the newest position, and whose claim was the newest, up to the record with that mark. Not "to the end": the last offset of a topic with
 * transactions is none that is ever shown.
 */
export async function readPosition(
  kafka: Kafka,
  topic: string,
  { id }: Publisher,
  mark: string,
): Promise<{ position: ForwardPosition | null; claimedBy: string | null }> {
  // A group of its own each time: one that was killed would have to time out first. It holds no offsets, so the broker forgets it.
  const consumer = kafka.consumer({
    groupId: `oplog-forward.${id}.${mark}`,
    allowAutoTopicCreation: false,
    retry: { retries: 3, restartOnFailure: async () => false },
  });
  let position: string | null = null;
  let claimedBy: string | null = null;
  try {
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    await new Promise<void>((resolve, reject) => {
      setTimeout(() => reject(new Error("The position that is kept in Kafka could not be read in time")), READ_TIMEOUT_MS).unref();
      consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error));
      const read = async ({ message: { key, value } }: { message: { key: Buffer | null; value: Buffer | null } }) => {
        const text = String(value);
        if (String(key) === `position ${id}`) position = text;
        if (String(key) === `claim ${id}`) claimedBy = String(JSON.parse(text).run);
        if (/^(claim|look) /.test(String(key)) && JSON.parse(text).mark === mark) resolve();
      };
      consumer.run({ autoCommit: false, eachMessage: read }).catch(reject);
    });
  } finally {
    // It waits for requests on their way, and hangs when they never end.
    void consumer.disconnect().catch(() => {});
  }
  return { position: position === null ? null : parseForwardPosition(position), claimedBy };
}
