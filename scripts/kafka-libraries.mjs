/** Apache Kafka's own jars and a formatted data directory, from the cache or made there once: what a broker for tests and benchmarks is started from. */
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { cacheDir } from "./mongod.mjs";

const run = promisify(execFile);

/** Exactly what was tried. */
const KAFKA_VERSION = "4.4.0";
const SLF4J_VERSION = "1.7.36";

/** Kafka 4 is compiled for it. */
const OLDEST_JAVA = 17;

/** 43 MB of jars, half a minute here. Where they can not be had, the tests that want them are skipped, and the others must not wait for long. */
const MAVEN_TIMEOUT_MS = 2 * 60_000;

/** Starting a JVM on a busy machine. */
const JAVA_TIMEOUT_MS = 120_000;

/** What is cached: bound to how it is made, so a change of that makes another one. */
const FOLDER = `kafka-${KAFKA_VERSION}-2`;

/** Who may log in where logging in is asked for. */
export const KAFKA_USER = { name: "oplog", password: "secret" };

export const NODE_ID = 1;
export const CLUSTER_ID = "b3Bsb2ctY29sbGVjdG9yLQ";

/** @typedef {{ jars: string, data: string }} KafkaLibraries `jars`: the class path; `data`: to be copied, one copy a broker */

/** @type {Promise<KafkaLibraries> | undefined} for all of a process's brokers once */
let search;

/** Throws, with what is missing, where no broker can be started. @returns {Promise<KafkaLibraries>} */
export function findKafka() {
  search ??= find();
  return search;
}

async function find() {
  await checkJava();
  const target = join(cacheDir(), FOLDER);
  const found = { jars: join(target, "jars", "*"), data: join(target, "data") };
  if (await stat(target).catch(() => undefined)) return found;
  await mkdir(cacheDir(), { recursive: true });
  // Into a directory of its own and renamed when complete, so that no process ever sees half of it.
  const dir = await mkdtemp(join(cacheDir(), ".fetching-"));
  try {
    await fetchJars(join(dir, "jars"));
    await formatData(dir);
    await rename(dir, target).catch((/** @type {NodeJS.ErrnoException} */ error) => {
      if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error; // another process was first: its copy is as good
    });
    return found;
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

async function checkJava() {
  const { stdout } = await run("java", ["--version"], { timeout: JAVA_TIMEOUT_MS }).catch(() => {
    throw new Error(`no Java ${OLDEST_JAVA} or newer was found`);
  });
  const version = Number(/^\S+ (\d+)/.exec(stdout)?.[1]);
  if (!(version >= OLDEST_JAVA)) throw new Error(`Java ${OLDEST_JAVA} or newer is needed, and this is ${stdout.split("\n")[0]}`);
}

/** @param {string} jars */
async function fetchJars(jars) {
  const dir = await mkdtemp(join(cacheDir(), ".fetching-"));
  try {
    await writeFile(join(dir, "pom.xml"), POM);
    const goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", `-DoutputDirectory=${jars}`];
    await run("mvn", ["-q", "-B", "-f", join(dir, "pom.xml"), ...goal], { timeout: MAVEN_TIMEOUT_MS }).catch((error) => {
      if (error.code === "ENOENT") throw new Error("no Maven was found to fetch Apache Kafka with");
      const said = String(error.stdout || error.stderr || error.message).trim();
      throw new Error(`Maven could not fetch Apache Kafka ${KAFKA_VERSION}: ${said.split("\n")[0]}`);
    });
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** Formatted once: a JVM less at each start. @param {string} dir */
async function formatData(dir) {
  const properties = join(dir, "format.properties");
  await writeFile(properties, serverProperties({ port: 1, controllerPort: 2, data: join(dir, "data") }));
  const scram = ["SCRAM-SHA-256", "SCRAM-SHA-512"].flatMap((mechanism) => [
    "--add-scram",
    `${mechanism}=[name=${KAFKA_USER.name},password=${KAFKA_USER.password}]`,
  ]);
  const format = ["kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", properties, ...scram];
  await run("java", ["-cp", join(dir, "jars", "*"), ...format], { timeout: JAVA_TIMEOUT_MS });
  await rm(properties);
}

/** @param {string} data @param {string} target */
export const copyData = (data, target) => cp(data, target, { recursive: true });

/** @typedef {{ port: number, keystore: string, password: string }} SecureListener with TLS, and a log-in by any of three mechanisms */

/**
 * One node, for which the topics that it keeps for itself need no second.
 * @param {{ port: number, controllerPort: number, data: string, secure?: SecureListener | undefined }} place
 */
export const serverProperties = ({ port, controllerPort, data, secure }) => `
process.roles=broker,controller
node.id=${NODE_ID}
controller.quorum.voters=${NODE_ID}@127.0.0.1:${controllerPort}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}${secure ? `,SECURE://127.0.0.1:${secure.port}` : ""}
advertised.listeners=PLAINTEXT://127.0.0.1:${port}${secure ? `,SECURE://127.0.0.1:${secure.port}` : ""}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURE:SASL_SSL
${secure ? secureProperties(secure) : ""}
log.dirs=${data}
auto.create.topics.enable=false
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
`;

const MODULES = "org.apache.kafka.common.security";
const { name, password } = KAFKA_USER;

/** @param {SecureListener} listener */
const secureProperties = (listener) => `
listener.name.secure.ssl.keystore.type=PKCS12
listener.name.secure.ssl.keystore.location=${listener.keystore}
listener.name.secure.ssl.keystore.password=${listener.password}
listener.name.secure.ssl.key.password=${listener.password}
listener.name.secure.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
listener.name.secure.plain.sasl.jaas.config=${MODULES}.plain.PlainLoginModule required user_${name}="${password}";
listener.name.secure.scram-sha-256.sasl.jaas.config=${MODULES}.scram.ScramLoginModule required;
listener.name.secure.scram-sha-512.sasl.jaas.config=${MODULES}.scram.ScramLoginModule required;
`;

/** A key and the certificate that signs it, for 127.0.0.1; Java brings the tool. @param {string} folder @returns {Promise<{ keystore: string, password: string, certificate: string }>} */
export async function makeCertificate(folder) {
  const made = { keystore: join(folder, "keystore.p12"), password: "changeit", certificate: join(folder, "certificate.pem") };
  const store = ["-alias", "broker", "-keystore", made.keystore, "-storepass", made.password, "-storetype", "PKCS12"];
  const key = ["-genkeypair", "-keyalg", "EC", "-dname", "CN=127.0.0.1", "-ext", "SAN=IP:127.0.0.1", "-validity", "2"];
  await run("keytool", [...key, ...store], { timeout: JAVA_TIMEOUT_MS });
  await run("keytool", ["-exportcert", "-rfc", "-file", made.certificate, ...store], { timeout: JAVA_TIMEOUT_MS });
  return made;
}

const dependency = (/** @type {string} */ group, /** @type {string} */ artifact, /** @type {string} */ version) =>
  `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>`;

const POM = `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>oplog-collector</groupId><artifactId>kafka-for-tests</artifactId><version>1</version>
<dependencies>${dependency("org.apache.kafka", "kafka_2.13", KAFKA_VERSION)}${dependency("org.slf4j", "slf4j-simple", SLF4J_VERSION)}</dependencies>
</project>
`;
