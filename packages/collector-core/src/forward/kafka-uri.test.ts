import { expect, test } from "vitest";
import { redactUri } from "../redact.js";
import { parseKafkaUri } from "./kafka-uri.js";

test("brokers and defaults", () => {
  expect(parseKafkaUri("kafka://k1:9092,[::1]:9093")).toEqual({
    brokers: ["k1:9092", "[::1]:9093"],
    topic: "oplog.{log}",
    format: "json",
    partitions: 1,
    positions: "oplog-positions",
    from: "oldest",
    ssl: false,
  });
});

test("every parameter, and credentials with percent-encoded characters", () => {
  const uri =
    "kafka://us%40er:p%2Fa:b%2C@k1:9092/?topic=c.{ns}&format=bson&partitions=12&replication=3&positions=pos&from=now&ssl=true&sasl=scram-sha-512";
  expect(parseKafkaUri(uri)).toEqual({
    brokers: ["k1:9092"],
    topic: "c.{ns}",
    format: "bson",
    partitions: 12,
    replication: 3,
    positions: "pos",
    from: "now",
    ssl: true,
    sasl: { mechanism: "scram-sha-512", username: "us@er", password: "p/a:b," },
  });
  expect(redactUri(uri)).toMatch(/^kafka:\/\/\*\*\*@k1:9092\//);
});

test.each([
  "kafka://",
  "kafka://host",
  "kafka://host:0",
  "kafka://user@host:9092",
  "kafka://host:9092/topic",
  "kafka://host:9092?sasl=plain",
  "kafka://host:9092?tpoic=x",
  "kafka://host:9092?topic=a%20b",
  "kafka://host:9092?format=avro",
  "kafka://host:9092?partitions=0",
  "http://host:9092",
])("%s is refused, without repeating what may be a secret", (uri) => {
  for (const given of [uri, uri.replace(/^kafka:\/\/(?!.*@)(?!.*sasl)/, "kafka://me:hunter2@")]) {
    const error = refused(given);
    expect(error).toMatchObject({ code: "BAD_INPUT", hint: expect.any(String) });
    expect(error.message).not.toContain("hunter2");
  }
});

function refused(uri: string): Error {
  try {
    parseKafkaUri(uri);
  } catch (error) {
    return error as Error;
  }
  throw new Error(`${uri} was taken`);
}
