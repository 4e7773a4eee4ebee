import { randomUUID } from "node:crypto";
import kafkajs, { type Kafka, type KafkaMessage } from "kafkajs";

/** A message as a consumer sees it that reads what is committed. */
export interface ReadMessage {
  topic: string;
  partition: number;
  key: string;
  value: Buffer;
  headers: Record<string, string>;
}

export const kafkaForTest = (brokers: string): Kafka =>
  new kafkajs.Kafka({
    brokers: brokers.split(","),
    clientId: "test",
    logLevel: kafkajs.logLevel.NOTHING,
    retry: { initialRetryTime: 20, retries: 20, maxRetryTime: 1_000 },
  });

/** All that is committed in these topics, partition by partition in order. Ends are marked first, since a topic's last offset is not always shown. */
export async function readTopics(kafka: Kafka, topics: readonly string[]): Promise<ReadMessage[]> {
  const mark = randomUUID();
  const admin = kafka.admin();
  const producer = kafka.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner });
  const consumer = kafka.consumer({ groupId: `test-${mark}`, maxWaitTimeInMs: 50 });
  const found: ReadMessage[] = [];
  try {
    await Promise.all([admin.connect(), producer.connect(), consumer.connect()]);
    const { topics: metadata } = await admin.fetchTopicMetadata({ topics: [...topics] });
    const topicMessages = metadata.map(({ name, partitions }) => ({
      topic: name,
      messages: partitions.map(({ partitionId }) => ({ partition: partitionId, value: mark, headers: { "end-for-test": mark } })),
    }));
    let left = topicMessages.reduce((sum, { messages }) => sum + messages.length, 0);
    await producer.sendBatch({ topicMessages });
    await consumer.subscribe({ topics: [...topics], fromBeginning: true });
    await new Promise<void>((resolve, reject) => {
      consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error));
      const read = async ({ topic, partition, message }: { topic: string; partition: number; message: KafkaMessage }) => {
        const headers = Object.fromEntries(Object.entries(message.headers ?? {}).map(([name, value]) => [name, String(value)]));
        if (!headers["end-for-test"]) found.push({ topic, partition, key: String(message.key), value: message.value!, headers });
        else if (headers["end-for-test"] === mark && --left === 0) resolve();
      };
      consumer.run({ autoCommit: false, eachMessage: read }).catch(reject);
    });
  } finally {
    await Promise.all([consumer.disconnect(), producer.disconnect(), admin.disconnect()]);
  }
  return found;
}

/** Sorted by place, each place in the order of its offsets. */
export const positionsIn = (messages: readonly ReadMessage[]): string[] => messages.map(({ headers }) => headers.position!);
