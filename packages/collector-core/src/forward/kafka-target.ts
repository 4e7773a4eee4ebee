import { randomUUID } from "node:crypto";
import type { Admin, ICustomPartitioner, Message, PartitionMetadata, Producer, Transaction } from "kafkajs";
import { type Logger, pino } from "pino";
import { OplogError } from "../errors.js";
import { redactUri } from "../redact.js";
import { resolveUri } from "../uri.js";
import type { ForwardPosition } from "./forward-position.js";
import type { ForwardTarget, Publication } from "./forward-target.js";
import { type KafkaClient, kafkaClient } from "./kafka-client.js";
import { hasType, isFenced, kafkaFailure } from "./kafka-failure.js";
import { eventMessage, type ForwardedMessage, gapMessage } from "./kafka-message.js";
import { claimRecord, POSITIONS_CONFIG, type Publisher, positionRecord, readPosition } from "./kafka-positions.js";
import { isTopicOf, topicOf } from "./kafka-topic.js";
import { type KafkaUri, parseKafkaUri } from "./kafka-uri.js";

/** A batch that a broker takes unless told otherwise has 1 MiB at most, with what surrounds the messages; a larger message goes alone. */
const MAX_REQUEST_BYTES = 900_000;

/** The client takes longer for each message the more there are in a request. */
const MAX_REQUEST_MESSAGES = 500;

/** Of topics that are made: an event has at most 16 MiB, which as text are some more; a request has at most 100 MiB. */
const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;

/** How long a transaction may take, and what a forwarder that was killed holds up readers for, unless it is started again. The client's own. */
const TRANSACTION_TIMEOUT_MS = 60_000;

/** Letting go waits for what is being published, and for requests on their way, which may never end. */
const CLOSE_TIMEOUT_MS = 3_000;

export interface KafkaTargetOptions {
  /** `kafka://host:port?…`, `env:NAME` or `file-ref:PATH`. */
  uri: string;
  /** The log that is published. */
  log: string;
  /** @default silent */
  logger?: Logger;
}

interface Connected {
  client: KafkaClient;
  admin: Admin;
  producer: Producer;
  choose: ReturnType<ICustomPartitioner>;
  /** The partitions of topics that are known to be there. */
  topics: Map<string, PartitionMetadata[]>;
}

type Placed = { topic: string; message: Message; bytes: number };

/**
 * Publishes to Apache Kafka: one topic a log or a namespace, the document's key as the message's, each publication with its position in one
 * transaction. The transactional id is the log's and the topic's own, so a second forwarder of the same fences the first.
 */
export class KafkaTarget implements ForwardTarget {
  readonly description: string;
  readonly uri: KafkaUri;
  private readonly publisher: Publisher;
  private readonly logger: Logger;
  private connected: Connected | null = null;
  /** What is being published. */
  private underWay: Promise<void> = Promise.resolve();
  /** The broker has voided our producer: another forwarder has, or a transaction took too long. */
  private fenced = false;

  constructor(private readonly options: KafkaTargetOptions) {
    const uri = resolveUri(options.uri);
    this.description = redactUri(uri);
    this.uri = parseKafkaUri(uri);
    this.publisher = { id: `${options.log}:${this.uri.topic}`, run: randomUUID() };
    this.logger = options.logger ?? pino({ enabled: false });
  }

  async open(): Promise<ForwardPosition | null> {
    try {
      const client = await kafkaClient(this.uri, this.logger);
      await this.connect(client);
      await this.partitionsOf(this.uri.positions, POSITIONS_CONFIG);
      if (this.fenced) await this.checkNotReplaced(client);
      this.fenced = false;
      const { mark, message } = claimRecord(this.publisher, "claim");
      await this.inTransaction((transaction) => send(transaction, [{ topic: this.uri.positions, message }]));
      return (await readPosition(client.kafka, this.uri.positions, this.publisher, mark)).position;
    } catch (error) {
      throw this.failure(error);
    }
  }

  publish(publication: Publication): Promise<void> {
    const published = this.publishAll(publication);
    this.underWay = published.catch(() => {});
    return published;
  }

  private async publishAll(publication: Publication): Promise<void> {
    const { uri, publisher } = this;
    const position = { topic: uri.positions, message: positionRecord(publisher, publication.position), bytes: 0 };
    try {
      await this.inTransaction(async (transaction) => {
        let request: Placed[] = [];
        let bytes = 0;
        let sent: Promise<void> = Promise.resolve();
        // Each request is put together while the one before it is on its way.
        const flush = async () => {
          await sent;
          sent = send(transaction, request);
          sent.catch(() => {}); // thrown by who waits for it
          [request, bytes] = [[], 0];
        };
        for (const message of messagesOf(publication, uri.format))
          for (const placed of await this.place(message)) {
            if (request.length === MAX_REQUEST_MESSAGES || (bytes > 0 && bytes + placed.bytes > MAX_REQUEST_BYTES)) await flush();
            request.push(placed);
            bytes += placed.bytes;
          }
        request.push(position);
        await flush();
        await sent;
      });
    } catch (error) {
      throw this.failure(error);
    }
  }

  async close(): Promise<void> {
    const { connected } = this;
    if (!connected) return;
    const closed = this.underWay.then(() => Promise.allSettled([connected.producer.disconnect(), connected.admin.disconnect()]));
    await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, CLOSE_TIMEOUT_MS).unref())]);
    if (this.connected === connected) this.connected = null;
  }

  private async connect(client: KafkaClient): Promise<void> {
    const { kafka, kafkajs } = client;
    const producer = kafka.producer({
      transactionalId: `oplog-forward.${this.publisher.id}`,
      transactionTimeout: TRANSACTION_TIMEOUT_MS,
      allowAutoTopicCreation: false,
      // Of one partition's requests a later one must not overtake one that is sent again.
      maxInFlightRequests: 1,
      createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
    });
    const admin = kafka.admin();
    this.connected = { client, admin, producer, choose: kafkajs.Partitioners.DefaultPartitioner(), topics: new Map() };
    await Promise.all([admin.connect(), producer.connect()]);
  }

  /** After the broker voided our producer: if another forwarder claimed the log since, it is the one. */
  private async checkNotReplaced({ kafka, kafkajs }: KafkaClient): Promise<void> {
    // Not in a transaction of ours: beginning one would take the right back.
    const producer = kafka.producer({ allowAutoTopicCreation: false, createPartitioner: kafkajs.Partitioners.DefaultPartitioner });
    try {
      await producer.connect();
      const { mark, message } = claimRecord(this.publisher, "look");
      await producer.send({ topic: this.uri.positions, messages: [message] });
      const { claimedBy } = await readPosition(kafka, this.uri.positions, this.publisher, mark);
      if (claimedBy !== this.publisher.run)
        throw new OplogError(
          "FENCED",
          `Another forwarder publishes the log ${this.options.log} to ${this.uri.topic}: it was started later`,
          {
            hint: "Run one of them. To publish the log twice, give each a topic of its own (topic=…).",
          },
        );
    } finally {
      void producer.disconnect().catch(() => {});
    }
  }

  private async inTransaction(act: (transaction: Transaction) => Promise<void>): Promise<void> {
    const transaction = await this.connected!.producer.transaction();
    try {
      await act(transaction);
    } catch (error) {
      // The next one that opens does it as well; until then it would hold up whoever reads the topic.
      await transaction.abort().catch(() => {});
      throw error;
    }
    await transaction.commit();
  }

  /** The copies of a message: one for each topic and partition where it belongs. */
  private async place({ namespaces, to, key, value, headers }: ForwardedMessage): Promise<Placed[]> {
    const { choose } = this.connected!;
    const bytes = key.length + value.length + MESSAGE_OVERHEAD_BYTES;
    const places: { topic: string; partition: number }[] = [];
    for (const topic of namespaces.length > 0 ? this.topicsOf(namespaces) : await this.existingTopics()) {
      const partitionMetadata = await this.partitionsOf(topic, EVENTS_CONFIG);
      if (to === "every-partition")
        for (let partition = 0; partition < partitionMetadata.length; partition++) places.push({ topic, partition });
      else places.push({ topic, partition: choose({ topic, partitionMetadata, message: { key, value } }) });
    }
    const told = places.length > 1 ? { ...headers, copies: String(places.length) } : headers;
    return places.map(({ topic, partition }) => ({ topic, message: { key, value, headers: told, partition }, bytes }));
  }

  private topicsOf(namespaces: readonly string[]): Set<string> {
    return new Set(namespaces.map((namespace) => topicOf(this.uri.topic, this.options.log, namespace)));
  }

  /** A topic a log is made for the first that there is to say. */
  private async existingTopics(): Promise<string[]> {
    const { topic } = this.uri;
    if (!topic.includes("{ns}")) return [topicOf(topic, this.options.log, "")];
    return (await this.connected!.admin.listTopics()).filter((found) => isTopicOf(topic, this.options.log, found));
  }

  private async partitionsOf(topic: string, configEntries: { name: string; value: string }[]): Promise<PartitionMetadata[]> {
    const { topics, admin } = this.connected!;
    const known = topics.get(topic);
    if (known) return known;
    const partitions = (await partitionsIn(admin, topic)) ?? (await this.createTopic(topic, configEntries));
    topics.set(topic, partitions);
    return partitions;
  }

  private async createTopic(topic: string, configEntries: { name: string; value: string }[]): Promise<PartitionMetadata[]> {
    const { admin } = this.connected!;
    const { partitions, replication, positions } = this.uri;
    const numPartitions = topic === positions ? 1 : partitions;
    await admin.createTopics({
      topics: [{ topic, numPartitions, ...(replication !== undefined && { replicationFactor: replication }), configEntries }],
      waitForLeaders: true,
    });
    const made = await partitionsIn(admin, topic);
    if (!made) throw new Error(`The topic ${topic} was made and is not there yet`);
    return made;
  }

  private failure(error: unknown): unknown {
    if (isFenced(error)) this.fenced = true;
    return kafkaFailure(error);
  }
}

/** Headers and what the record has around it. */
const MESSAGE_OVERHEAD_BYTES = 300;

const EVENTS_CONFIG = [{ name: "max.message.bytes", value: String(MAX_MESSAGE_BYTES) }];

function* messagesOf(publication: Publication, format: KafkaUri["format"]): Generator<ForwardedMessage> {
  if (publication.kind === "gap") yield gapMessage(publication.gap, publication.position, format);
  else for (const event of publication.events) yield eventMessage(event, format);
}

async function send(transaction: Transaction, placed: readonly Omit<Placed, "bytes">[]): Promise<void> {
  const messages = new Map<string, Message[]>();
  for (const { topic, message } of placed) {
    const list = messages.get(topic);
    if (list) list.push(message);
    else messages.set(topic, [message]);
  }
  await transaction.sendBatch({ topicMessages: [...messages].map(([topic, list]) => ({ topic, messages: list })) });
}

/** Null when there is no such topic. */
async function partitionsIn(admin: Admin, topic: string): Promise<PartitionMetadata[] | null> {
  try {
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
    return topics[0]?.partitions ?? null;
  } catch (error) {
    if (hasType(error, "UNKNOWN_TOPIC_OR_PARTITION")) return null;
    throw error;
  }
}
