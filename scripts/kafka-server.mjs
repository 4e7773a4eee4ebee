/**
 * Starts a real Apache Kafka broker (one node, KRaft) on 127.0.0.1, for tests and benchmarks. With KAFKA_BROKERS=host:port[,…] in the environment
 * that one is used instead, and can't be killed.
 *
 *   await using kafka = await startKafkaServer();
 *   kafka.uri("topic=changes");
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { env } from "node:process";
import { freePort } from "./free-port.mjs";
import { GuardedChild } from "./guarded-child.mjs";
import { copyData, findKafka, KAFKA_USER, makeCertificate, serverProperties } from "./kafka-libraries.mjs";
import { guardDirectory, releaseDirectory } from "./orphan-guard.mjs";
import { GiveUp, waitFor } from "./wait-for.mjs";

/** A small heap, one compiler, one collector thread: up in half the time, in a third of the memory. */
const JVM = ["-Xms96m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"];

/** A JVM that starts beside others on two cores. */
const START_TIMEOUT_MS = 120_000;

/** Why no broker can be had here, as a sentence; null where one can. @returns {Promise<string | null>} */
export async function kafkaMissing() {
  if (env.KAFKA_BROKERS) return null;
  return findKafka().then(
    () => null,
    (error) => `no Kafka broker could be started: ${error.message}`,
  );
}

/** `secure`: it listens a second time, with TLS and a log-in (not where a broker was named). @param {{ secure?: boolean }} [options] */
export async function startKafkaServer({ secure = false } = {}) {
  if (env.KAFKA_BROKERS) return new KafkaServer(env.KAFKA_BROKERS);
  const { data } = await findKafka();
  const directory = await mkdtemp(join(tmpdir(), "oplog-kafka-"));
  guardDirectory(directory);
  const [port, controllerPort] = [await freePort(), await freePort()];
  await copyData(data, join(directory, "data"));
  const listener = secure ? { port: await freePort(), ...(await makeCertificate(directory)) } : undefined;
  const properties = serverProperties({ port, controllerPort, data: join(directory, "data"), secure: listener });
  await writeFile(join(directory, "server.properties"), properties);
  const server = new KafkaServer(`127.0.0.1:${port}`, { directory, port, ...(listener && { listener }) });
  await server.start();
  return server;
}

class KafkaServer {
  /** @type {GuardedChild | undefined} */
  #child;
  #own;

  /** @param {string} brokers @param {{ directory: string, port: number, listener?: { port: number, certificate: string } }} [own] absent: it is somebody else's */
  constructor(brokers, own) {
    this.brokers = brokers;
    this.#own = own;
  }

  /** Whether it can be killed and started again. */
  get isOwn() {
    return this.#own !== undefined;
  }

  /** The port of the one broker. */
  get port() {
    return Number(this.brokers.split(":").at(-1));
  }

  /** @param {string} [parameters] */
  uri(parameters = "") {
    return `kafka://${this.brokers}${parameters && `?${parameters}`}`;
  }

  /** Where it asks for a log-in, over TLS; null where it does not. */
  get secure() {
    const { listener } = this.#own ?? {};
    return listener ? { certificate: listener.certificate, broker: `127.0.0.1:${listener.port}`, user: KAFKA_USER } : null;
  }

  /** Starts it again after `kill`. */
  async start() {
    const { directory, port } = this.#expectOwn();
    const { jars } = await findKafka();
    const child = new GuardedChild("java", [...JVM, "-cp", jars, "kafka.Kafka", join(directory, "server.properties")]);
    this.#child = child;
    const answers = () => {
      if (!child.running)
        throw new GiveUp(new Error(`The Kafka broker did not start: ${child.failure?.message ?? child.output.slice(-2_000)}`));
      return isListening(port);
    };
    await waitFor("the Kafka broker to listen", answers, { timeoutMs: START_TIMEOUT_MS });
  }

  /** As a power cut: what it had not written to its log is gone, and it recovers when started. */
  async kill() {
    this.#expectOwn();
    this.#child?.signal("SIGKILL");
    await this.#child?.ended;
  }

  /** Freezes it: connections stay open and nothing answers. */
  pause() {
    this.#expectOwn();
    this.#child?.signal("SIGSTOP");
  }

  resume() {
    this.#child?.signal("SIGCONT");
  }

  async stop() {
    if (!this.#own) return;
    await this.kill();
    await rm(this.#own.directory, { recursive: true, force: true });
    releaseDirectory(this.#own.directory);
  }

  async [Symbol.asyncDispose]() {
    await this.stop();
  }

  #expectOwn() {
    if (!this.#own) throw new Error("KAFKA_BROKERS names a broker that is not ours to start and stop");
    return this.#own;
  }
}

/** @param {number} port @returns {Promise<boolean>} */
function isListening(port) {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    const answer = (/** @type {boolean} */ is) => () => {
      socket.destroy();
      resolve(is);
    };
    socket.once("connect", answer(true)).once("error", answer(false));
  });
}
