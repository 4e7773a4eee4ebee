import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import type { Kafka } from "kafkajs";
import { MongoClient } from "mongodb";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { kafkaMissing, startKafkaServer } from "../../../../scripts/kafka-server.mjs";
import { canonicalJson } from "../canonical-json.js";
import { CollectorProcess, OPLOG, oplog, oplogWith } from "../chaos/collector-process.js";
import { readEvents } from "../read-events.js";
import type { PrintedStatus } from "../status.js";
import type { Store } from "../store.js";
import { openStore } from "../stores/open-store.js";
import type { PrintedForwardStatus } from "./forward-status.js";
import { Forwarder, type ForwarderOptions } from "./forwarder.js";
import { kafkaForTest, positionsIn, readTopics } from "./kafka-reader-for-test.js";
import { KafkaTarget } from "./kafka-target.js";
import { LogForTest } from "./log-for-test.js";

const missing = await kafkaMissing();
if (missing) console.warn(`Publishing to Kafka is not tested: ${missing}`);

let server: Awaited<ReturnType<typeof startKafkaServer>>;
let kafka: Kafka;
let names = 0;

/** Of its own for each test, as KAFKA_BROKERS may name a broker that keeps what it gets. */
const newName = () => `t${process.pid}-${Date.now()}-${++names}`;

const forwarder = (log: { store: Store; name: string }, parameters = "", options: Partial<ForwarderOptions> = {}): Forwarder =>
  new Forwarder({
    store: log.store,
    target: new KafkaTarget({ uri: server.uri(parameters), log: log.name }),
    untilCovered: true,
    ...options,
  });

/** The messages of these topics, or of the log's own. */
const read = (log: LogForTest, topics = [`oplog.${log.name}`]) => readTopics(kafka, topics);

describe.skipIf(missing !== null)(`publishing to Kafka${missing ? ` (skipped: ${missing})` : ""}`, () => {
  beforeAll(async () => {
    server = await startKafkaServer({ secure: true });
    kafka = kafkaForTest(server.brokers);
  }, 180_000);
  afterAll(async () => {
    await server?.stop();
  });

  test("each event once and in order, as `oplog events` prints it, with its document's key; a second run goes on where the first ended", async () => {
    const log = await LogForTest.begin(newName());
    await log.add([...log.inserts(3), { op: "update", id: 1 }]);
    await log.add([{ op: "delete", id: { a: 1n } }, { op: "drop" }], { coveredTo: 5 });
    const first = forwarder(log);
    await first.run();
    expect(first.status).toMatchObject({ state: "stopped", events: 5, position: { segment: 3, events: 1, complete: false } });
    await log.add([{ time: 6 }]);
    const second = forwarder(log);
    await second.run();
    expect(second.status).toMatchObject({ state: "stopped", events: 2, gaps: 0 });

    const messages = await read(log);
    expect(positionsIn(messages)).toEqual(["2:0", "2:1", "2:2", "2:3", "3:0", "3:1", "4:0"]);
    const events: string[] = [];
    for await (const { bytes } of readEvents(log.store)) events.push(canonicalJson(bytes));
    expect(messages.map(({ value }) => value.toString())).toEqual(events);
    const key = (id: string) => `{"ns":"shop.orders","_id":${id}}`;
    const long = key('{"a":{"$numberInt":"1"}}');
    expect(messages.map((message) => message.key).slice(0, 6)).toEqual(
      [0, 1, 2, 1].map((id) => key(`{"$numberInt":"${id}"}`)).concat(long.replace("Int", "Long"), '{"ns":"shop.orders"}'),
    );
    expect(messages[3]!.headers).toEqual({
      position: "2:3",
      clusterTime: "1700000000,4",
      op: "update",
      ns: "shop.orders",
      format: "change-event",
    });
  });

  test("with a topic a namespace and several partitions: the events of a document in one, and what concerns many documents in each", async () => {
    const log = await LogForTest.begin(newName());
    const changes = Array.from({ length: 60 }, (_, i) => ({
      op: i < 20 ? "insert" : "update",
      id: i % 20,
      ns: i % 3 ? "shop.a" : "shop.b_c",
    }));
    await log.add([...changes, { op: "drop", ns: "shop.b_c" }, { op: "rename", ns: "shop.a", fields: { to: { db: "shop", coll: "d" } } }]);
    await log.gap("lost");
    await forwarder(log, "topic={log}.{ns}&partitions=3").run();

    const topic = (ns: string) => `${log.name}.${ns}`;
    const messages = await read(log, ["shop.a", "shop.b--c", "shop.d"].map(topic));
    const of = (ns: string, op: RegExp) => messages.filter((message) => message.topic === topic(ns) && op.test(message.headers.op!));
    expect(of("shop.a", /insert|update/).length + of("shop.b--c", /insert|update/).length).toBe(60);
    for (const ns of ["shop.a", "shop.b--c"]) {
      const places = new Map<string, Set<number>>();
      for (const { key, partition } of of(ns, /insert|update/)) places.set(key, (places.get(key) ?? new Set()).add(partition));
      for (const partitions of places.values()) expect(partitions.size).toBe(1);
      expect(new Set([...places.values()].flatMap((set) => [...set])).size).toBe(3);
    }
    const partitions = (ns: string, op: RegExp) =>
      of(ns, op)
        .map(({ partition }) => partition)
        .sort();
    expect(partitions("shop.b--c", /^drop$/)).toEqual([0, 1, 2]);
    for (const ns of ["shop.a", "shop.d"]) expect(partitions(ns, /rename/)).toEqual([0, 1, 2]);
    expect(of("shop.d", /rename/)[0]!.headers.copies).toBe("6");
    for (const ns of ["shop.a", "shop.b--c", "shop.d"]) expect(partitions(ns, /gap/)).toEqual([0, 1, 2]);
    // In each partition in the order of the log.
    const order = new Map<string, number>();
    for (const { topic: name, partition, headers } of messages) {
      const [segment, index] = headers.position!.split(":").map(Number);
      const [place, at] = [`${name}/${partition}`, segment! * 1_000 + index!];
      expect(at).toBeGreaterThan(order.get(place) ?? -1);
      order.set(place, at);
    }
  });

  test("format=bson gives the bytes of each event; a gap of the log is a message", async () => {
    const log = await LogForTest.begin(newName());
    await log.add(log.inserts(2));
    await log.gap("the oplog rolled over");
    await log.add(log.inserts(1));
    const run = forwarder(log, "format=bson");
    await run.run();
    expect(run.status).toMatchObject({ events: 3, gaps: 1 });
    const messages = await read(log);
    const events: Buffer[] = [];
    for await (const { bytes } of readEvents(log.store)) events.push(Buffer.from(bytes));
    const isGap = ({ headers }: { headers: Record<string, string> }) => headers.op === "gap";
    expect(messages.filter((message) => !isGap(message)).map(({ value }) => value)).toEqual(events);
    expect(messages.map(isGap)).toEqual([false, false, true, false]);
    expect(canonicalJson(messages[2]!.value)).toContain('"cause":"the oplog rolled over"');
  });

  test("what was pruned before it was published stops it; gone over, a gap message says so", async () => {
    const log = await LogForTest.begin(newName());
    await log.add(log.inserts(1));
    await forwarder(log).run();
    await log.add(log.inserts(1));
    await log.add(log.inserts(1));
    await log.store.remove(3);
    const stopped = forwarder(log);
    await expect(stopped.run()).rejects.toMatchObject({
      code: "OUTSIDE_COVERAGE",
      message: expect.stringContaining("Segment 3 was removed"),
    });
    expect(stopped.status).toMatchObject({ state: "error", events: 0, error: { code: "OUTSIDE_COVERAGE" } });
    const accepting = forwarder(log, "", { acceptGap: true });
    await accepting.run();
    expect(accepting.status).toMatchObject({ events: 1, gaps: 1 });
    const messages = await read(log);
    expect(messages.map(({ headers }) => headers.op)).toEqual(["insert", "gap", "insert"]);
    expect(messages[1]!.value.toString()).toContain("Segment 3 was removed");
  });

  test("from=now begins after what is stored when it is first started, whatever comes until it is started again", async () => {
    const log = await LogForTest.begin(newName());
    await log.add(log.inserts(2));
    const now = { from: "now" } as const;
    await forwarder(log, "", now).run();
    await log.add(log.inserts(1));
    await forwarder(log, "", now).run();
    const stop = new AbortController();
    const live = forwarder(log, "", { ...now, untilCovered: false });
    const running = live.run(stop.signal);
    await expect.poll(() => live.status.publishedTo, { timeout: 20_000 }).not.toBeNull();
    await log.add(log.inserts(1));
    await expect.poll(() => live.status.events, { timeout: 20_000 }).toBe(1);
    stop.abort();
    await running;
    expect(positionsIn(await read(log))).toEqual(["3:0", "4:0"]);
  });

  test("a second forwarder of the same log and topic fences the first, and nothing is published twice", async () => {
    const log = await LogForTest.begin(newName());
    await log.add(log.inserts(2));
    const stop = new AbortController();
    const first = forwarder(log, "", { untilCovered: false });
    const ended = first.run(stop.signal).catch((error: unknown) => error);
    await expect.poll(() => first.status.events, { timeout: 20_000 }).toBe(2);
    const second = forwarder(log, "", { untilCovered: false });
    const running = second.run(stop.signal);
    await expect.poll(() => second.status.publishedTo, { timeout: 20_000 }).not.toBeNull();
    await log.add(log.inserts(2));
    expect(await ended).toMatchObject({ code: "FENCED", message: expect.stringContaining("Another forwarder") });
    expect(first.status.state).toBe("error");
    await expect.poll(() => second.status.events, { timeout: 20_000 }).toBe(2);
    stop.abort();
    await running;
    expect(positionsIn(await read(log))).toEqual(["2:0", "2:1", "3:0", "3:1"]);
  });

  test("an event of several MiB fits a topic that was made for it; one that does not fit is never left out", async () => {
    const log = await LogForTest.begin(newName());
    const topic = `small-${log.name}`;
    const admin = kafka.admin();
    await admin.connect();
    await admin.createTopics({ topics: [{ topic, numPartitions: 1 }] });
    await admin.disconnect();
    await log.add([{}, { fields: { large: "x".repeat(3 * 1024 * 1024) } }, {}]);
    await forwarder(log).run();
    expect(positionsIn(await read(log))).toEqual(["2:0", "2:1", "2:2"]);
    const refused = forwarder(log, `topic=${topic}`);
    await expect(refused.run()).rejects.toMatchObject({ code: "EVENT_TOO_LARGE", hint: expect.stringContaining("max.message.bytes") });
    expect(await read(log, [topic])).toEqual([]);
  });

  test("over TLS with a log-in by each mechanism; an unknown authority and a wrong password are told, and no password", async ({
    skip,
  }) => {
    const { secure } = server;
    if (!secure) return skip("the broker named by KAFKA_BROKERS is not set up for it");
    const directory = await mkdtemp(join(tmpdir(), "oplog-secure-"));
    await using _ = { [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }) };
    const location = await openStore(pathToFileURL(directory).href);
    const name = newName();
    const log = await LogForTest.begin(name, await location.log(name));
    await log.add(log.inserts(3), { coveredTo: 5 });
    const forward = (parameters: string, password = secure.user.password, trusted = secure.certificate) => {
      const to = `kafka://${secure.user.name}:${password}@${secure.broker}?ssl=true&${parameters}`;
      const args = [
        "forward",
        "--store",
        pathToFileURL(directory).href,
        "--name",
        name,
        "--to",
        "env:TO",
        "--until-covered",
        "--max-retries",
        "1",
      ];
      return oplogWith({ TO: to, NODE_EXTRA_CA_CERTS: trusted }, ...args);
    };
    for (const mechanism of ["plain", "scram-sha-256", "scram-sha-512"]) {
      const topic = `${name}-${mechanism}`;
      expect(await forward(`sasl=${mechanism}&topic=${topic}`)).toMatchObject({ code: 0 });
      expect(await read(log, [topic])).toHaveLength(3);
      const refused = await forward(`sasl=${mechanism}&topic=${topic}`, "guessed-badly");
      expect([mechanism, refused.code]).toEqual([mechanism, 1]);
      expect(refused.stderr).toMatch(/refused the user name or password/);
      expect(refused.stderr).not.toContain("guessed-badly");
    }
    const untrusted = await forward("topic=never", secure.user.password, "");
    expect(untrusted.code).not.toBe(0);
    expect(untrusted.stderr).toMatch(/self.signed certificate/);
    expect(untrusted.stderr).not.toContain(secure.user.password);
  });

  test("collect --forward publishes what it captures; a killed forwarder is started again and a broker that is away is said, while capture goes on", async () => {
    const [name, source] = [newName(), inject("mongodbUri")];
    const directory = await mkdtemp(join(tmpdir(), "oplog-forward-"));
    const client = await MongoClient.connect(source);
    const collection = client.db(name).collection("orders");
    const away = "kafka://me:hunter2@127.0.0.1:1";
    const store = pathToFileURL(directory).href;
    const args = ["--database", name, "--forward", server.uri(), "--forward", away];
    try {
      await using collector = CollectorProcess.start({ source, store, name, args });
      await collector.running();
      const forwards = (status: PrintedStatus) => (status as PrintedStatus & { forwards?: PrintedForwardStatus[] }).forwards ?? [];
      await collection.insertMany([{ _id: 1 as never }, { _id: 2 as never }]);
      await collector.until("published", (status) => forwards(status)[0]?.events === 3);
      await collector.until("the other one is away", (status) => forwards(status)[1]?.state === "retrying_connection");
      expect(JSON.stringify(collector.status)).toContain("kafka://***@127.0.0.1:1");
      expect(JSON.stringify(collector.status) + collector.stderr).not.toContain("hunter2");
      const { pid } = forwards(collector.status!)[0]!;
      process.kill(pid, "SIGKILL");
      await collector.until("it is noticed", (status) => forwards(status)[0]?.error?.code === "ENDED");
      await collection.insertOne({ _id: 3 as never });
      await collector.until("captured", (status) => status.events === 4 && status.state === "running");
      await collector.until("published by another", (status) => forwards(status)[0]?.events === 1 && forwards(status)[0]?.pid !== pid);
      await collector.stop();
    } finally {
      await client.db(name).dropDatabase();
      await client.close();
    }
    const once = ["forward", "--store", store, "--name", name, "--to", server.uri(), "--until-covered", "--json"];
    expect(await oplog(...once)).toMatchObject({ code: 0 });
    const location = await openStore(store);
    const events: string[] = [];
    for await (const { bytes } of readEvents(await location.log(name))) events.push(canonicalJson(bytes));
    await location.close();
    const messages = await readTopics(kafka, [`oplog.${name}`]);
    expect(messages.map(({ value }) => value.toString())).toEqual(events);
    expect(events).toHaveLength(4); // with the create
    await rm(directory, { recursive: true, force: true });
  });
});

test("a broker that refuses connections is tried again, as often as was said, and its password is never told", async () => {
  const log = await LogForTest.begin();
  const target = new KafkaTarget({ uri: "kafka://me:hunter2@127.0.0.1:1", log: "shop" });
  const refused = new Forwarder({ store: log.store, target, retry: { maxRetries: 1, baseMs: 1 } });
  await expect(refused.run()).rejects.toMatchObject({ code: "UNREACHABLE", message: expect.stringContaining("broker") });
  expect(JSON.stringify(refused.status)).not.toContain("hunter2");
});

test("without the package kafkajs it says what to install", async () => {
  const directory = await mkdtemp(join(tmpdir(), "oplog-forward-"));
  const store = pathToFileURL(directory).href;
  const location = await openStore(store);
  await LogForTest.begin("shop", await location.log("shop"));
  // As where it is not installed: node does not find it.
  const hook = `export const resolve = (name, context, next) => name === "kafkajs" ? Promise.reject(new Error("not found")) : next(name, context);`;
  const url = (code: string) => `data:text/javascript,${encodeURIComponent(code)}`;
  const without = url(`import { register } from "node:module"; register(${JSON.stringify(url(hook))});`);
  const command = ["forward", "--store", store, "--name", "shop", "--to", "kafka://127.0.0.1:1"];
  const ended = await promisify(execFile)(process.execPath, ["--import", without, OPLOG, ...command]).catch((error) => error);
  expect(ended).toMatchObject({ code: 2, stderr: expect.stringContaining("npm install kafkajs") });
  await location.close();
  await rm(directory, { recursive: true, force: true });
});
