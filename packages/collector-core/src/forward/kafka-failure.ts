import { OplogError, type OplogErrorCode } from "../errors.js";

/** What trying again can't mend: the broker's own names for it. */
const FINAL: Record<string, { code: OplogErrorCode; what: string; hint: string }> = {
  SASL_AUTHENTICATION_FAILED: {
    code: "LOGIN_REFUSED",
    what: "The Kafka broker refused the user name or password of its URI",
    hint: "Check both, and the mechanism (sasl=plain|scram-sha-256|scram-sha-512).",
  },
  UNSUPPORTED_SASL_MECHANISM: {
    code: "LOGIN_REFUSED",
    what: "The Kafka broker does not know that way to log in",
    hint: "Give the one it has: sasl=plain|scram-sha-256|scram-sha-512.",
  },
  TOPIC_AUTHORIZATION_FAILED: {
    code: "FORBIDDEN",
    what: "The user may not write or describe a topic",
    hint: "Grant Write and Describe on the topics of the log and of the positions, Read on the latter, and Create where topics are to be made.",
  },
  CLUSTER_AUTHORIZATION_FAILED: {
    code: "FORBIDDEN",
    what: "The user may not make topics",
    hint: "Grant Create, or make the topics beforehand.",
  },
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED: {
    code: "FORBIDDEN",
    what: "The user may not write in transactions",
    hint: 'Grant Write and Describe on transactional ids that begin with "oplog-forward.".',
  },
  GROUP_AUTHORIZATION_FAILED: {
    code: "FORBIDDEN",
    what: "The user may not read the position that is kept in Kafka",
    hint: 'Grant Read on groups that begin with "oplog-forward.".',
  },
  MESSAGE_TOO_LARGE: TOO_LARGE(),
  RECORD_LIST_TOO_LARGE: TOO_LARGE(),
  INVALID_TOPIC_EXCEPTION: {
    code: "BAD_INPUT",
    what: "Kafka refuses the name of a topic",
    hint: 'A topic that differs only in "." and "_" counts as the same for Kafka: choose another name (topic=…).',
  },
  POLICY_VIOLATION: {
    code: "BAD_INPUT",
    what: "Kafka refuses to make a topic so",
    hint: "Make the topics beforehand, as the cluster wants them.",
  },
  INVALID_CONFIG: {
    code: "BAD_INPUT",
    what: "Kafka refuses to make a topic so",
    hint: "Make the topics beforehand, as the cluster wants them.",
  },
  UNSUPPORTED_VERSION: {
    code: "BAD_INPUT",
    what: "The Kafka broker is too old",
    hint: "Transactions need Kafka 0.11, topics that are made with the broker's defaults 2.4.",
  },
};

function TOO_LARGE() {
  return {
    code: "EVENT_TOO_LARGE" as const,
    what: "An event is larger than its Kafka topic takes",
    hint: "Raise max.message.bytes of the topic (kafka-configs --alter --entity-type topics --entity-name … --add-config max.message.bytes=67108864) and start again: it is published then.",
  };
}

/** The broker says so to a producer whose place another one took, and also to one whose transaction took too long. */
const FENCED = new Set(["INVALID_PRODUCER_EPOCH", "PRODUCER_FENCED", "INVALID_PRODUCER_ID_MAPPING"]);

/** 90 PRODUCER_FENCED is newer than the client, which then knows the number only. */
const FENCED_NUMBER = "Unknown error code 90";

/** The errors that lie in one another: the client puts its own around those of the broker. */
function* nested(error: unknown): Generator<{ type?: unknown; name?: unknown; message?: unknown; errors?: unknown }> {
  for (let at = error, depth = 0; at && typeof at === "object" && depth < 6; depth++) {
    yield at;
    const { cause, errors } = at as { cause?: unknown; errors?: unknown };
    at = cause ?? (Array.isArray(errors) ? errors[0] : undefined);
  }
}

export function isFenced(error: unknown): boolean {
  for (const { type, message } of nested(error)) if (FENCED.has(String(type)) || message === FENCED_NUMBER) return true;
  return false;
}

export function hasType(error: unknown, wanted: string): boolean {
  for (const { type } of nested(error)) if (type === wanted) return true;
  return false;
}

/** The sentence for what is final; anything else as it came, to be tried again. */
export function kafkaFailure(error: unknown): unknown {
  if (error instanceof OplogError) return error;
  for (const { type, name, message } of nested(error)) {
    const known = FINAL[String(type)] ?? (name === "KafkaJSSASLAuthenticationError" ? FINAL.SASL_AUTHENTICATION_FAILED : undefined);
    if (known) return new OplogError(known.code, `${known.what}: ${String(message)}`, { cause: error, hint: known.hint });
  }
  return error;
}
