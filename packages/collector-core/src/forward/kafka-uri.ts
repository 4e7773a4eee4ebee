import { OplogError } from "../errors.js";
import { checkTopicTemplate, DEFAULT_TOPIC } from "./kafka-topic.js";

const PARAMETERS = ["topic", "format", "partitions", "replication", "positions", "from", "ssl", "sasl"] as const;

/** Kept apart from the topics of events: it is compacted. */
const DEFAULT_POSITIONS_TOPIC = "oplog-positions";

/** One is the total order of the log; whoever wants more says so. */
const DEFAULT_PARTITIONS = 1;

const SASL_MECHANISMS = ["plain", "scram-sha-256", "scram-sha-512"] as const;

/** `json`: the line that `oplog events` prints; `bson`: the event's bytes. */
export type ForwardFormat = "json" | "bson";

export interface KafkaUri {
  /** `host:port`, of which any one has to answer at first. */
  brokers: string[];
  /** With `{log}` and, for a topic a namespace, `{ns}`. */
  topic: string;
  format: ForwardFormat;
  /** Of topics that are made; what is there stays as it is. */
  partitions: number;
  /** Of topics that are made; absent: as the broker has it. */
  replication?: number;
  /** The topic of the positions. */
  positions: string;
  /** Where one that has published nothing yet begins. */
  from: "oldest" | "now";
  ssl: boolean;
  sasl?: { mechanism: (typeof SASL_MECHANISMS)[number]; username: string; password: string };
}

/** `kafka://[user:password@]host:port[,host:port][?topic=…&format=json|bson&partitions=…&replication=…&positions=…&from=oldest|now&ssl=true&sasl=…]` */
export function parseKafkaUri(given: string): KafkaUri {
  const match = /^kafka:\/\/(?:([^/?#]*)@)?([^/?#@]*)\/?(?:\?([^#]*))?$/i.exec(given);
  if (!match) throw badUri("does not name a broker");
  const [, credentials, hosts, query] = match;
  const parameters = new URLSearchParams(query ?? "");
  for (const name of parameters.keys())
    if (!(PARAMETERS as readonly string[]).includes(name))
      throw badUri(`has the parameter ${JSON.stringify(name.slice(0, 40))}, which is not known`, `Known are: ${PARAMETERS.join(", ")}.`);
  const oneOf = <T extends string>(name: (typeof PARAMETERS)[number], values: readonly T[]): T | undefined => {
    const value = parameters.get(name);
    if (value === null) return undefined;
    const found = values.find((known) => known === value.toLowerCase());
    if (found === undefined) throw badUri(`has a ${name} that is not known`, `Write ${name}=${values.join("|")}.`);
    return found;
  };
  const mechanism = oneOf("sasl", SASL_MECHANISMS);
  const user = credentials === undefined ? undefined : parseCredentials(credentials);
  if (mechanism && !user) throw badUri("has sasl and no user name and password", "Write kafka://user:password@host:port?sasl=…");
  const replication = parameters.get("replication");
  const positions = parameters.get("positions") ?? DEFAULT_POSITIONS_TOPIC;
  if (positions.includes("{")) throw badUri("has a name for the positions' topic that can't be used");
  return {
    brokers: parseBrokers(hosts!),
    topic: checkTopicTemplate(parameters.get("topic") ?? DEFAULT_TOPIC),
    format: oneOf("format", ["json", "bson"]) ?? "json",
    partitions: parseCount("partitions", parameters.get("partitions") ?? `${DEFAULT_PARTITIONS}`, 10_000),
    ...(replication !== null && { replication: parseCount("replication", replication, 1_000) }),
    positions: checkTopicTemplate(positions),
    from: oneOf("from", ["oldest", "now"]) ?? "oldest",
    ssl: oneOf("ssl", ["true", "false"]) === "true",
    ...(user && { sasl: { mechanism: mechanism ?? "plain", ...user } }),
  };
}

function parseBrokers(hosts: string): string[] {
  const brokers = hosts.split(",");
  for (const broker of brokers) {
    const port = Number(/^(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):(\d{1,5})$/.exec(broker)?.[1]);
    if (!(port > 0 && port < 65_536)) throw badUri("names a broker without host and port");
  }
  return brokers;
}

function parseCredentials(text: string): { username: string; password: string } {
  const at = text.indexOf(":");
  if (at < 1 || at === text.length - 1) throw badUri("has one of user name and password, without the other");
  try {
    return { username: decodeURIComponent(text.slice(0, at)), password: decodeURIComponent(text.slice(at + 1)) };
  } catch {
    throw badUri("has a % in it that encodes nothing");
  }
}

function parseCount(name: string, text: string, max: number): number {
  const value = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (value < 1 || value > max) throw badUri(`has ${name} that are not a whole number from 1 to ${max}`);
  return value;
}

/** Never repeats the URI: it may hold a secret. */
const badUri = (
  what: string,
  // Not a whole URI: what prints this would redact it.
  hint = 'Write host:port,host:port?topic=… after "kafka:" and two slashes; in a user name or password, percent-encode all but letters and digits ("/" is "%2F").',
) => new OplogError("BAD_INPUT", `The Kafka URI ${what}`, { hint });
