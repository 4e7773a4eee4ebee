import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { kafkaMissing, startKafkaServer } from "../../../../scripts/kafka-server.mjs";
import { kafkaForTest, readTopics } from "../forward/kafka-reader-for-test.js";
import { LogForTest } from "../forward/log-for-test.js";
import { Random } from "../simulation/random.js";
import { openStore } from "../stores/open-store.js";
import { ForwardProcess, oplog, oplogKilledAt, type PublicationPoint } from "./collector-process.js";
import { record } from "./results.js";
import { CHAOS_SEED, scaled } from "./scale.js";

const KILLS = scaled(2, 20);

/** Killed at any moment, by the clock. */
const RANDOM_KILLS = scaled(0, 20);

const BROKER_KILLS = scaled(1, 5);

/** Some of these are published in each run before it is killed. */
const EVENTS_A_SEGMENT = 200;

const POINTS = ["mid-publication", "before-commit", "after-commit"] satisfies PublicationPoint[];

const missing = await kafkaMissing();
if (missing) console.warn(`Publishing to Kafka under kill -9 is not tested: ${missing}`);

let server: Awaited<ReturnType<typeof startKafkaServer>>;

describe.skipIf(missing !== null)(`publishing to Kafka${missing ? ` (skipped: ${missing})` : ""}`, () => {
  beforeAll(async () => {
    server = await startKafkaServer();
  }, 180_000);
  afterAll(async () => {
    await server?.stop();
  });

  test("a forwarder that is killed again and again, at each point and at any moment, publishes every event once and in order", async () => {
    const random = new Random(CHAOS_SEED);
    console.log(`forward: CHAOS_SEED=${CHAOS_SEED}`);
    await using place = await logPlace();
    const { log, command } = place;
    const died: Record<string, number> = {};
    for (let kill = 0; kill < KILLS; kill++) {
      await grow(log, random);
      const point = POINTS[(kill + 1) % POINTS.length]!;
      // The first commit says who publishes, and each of these has five segments at least before it.
      await oplogKilledAt({ point, occurrence: random.between(1, 4) }, "", ...command);
      died[point] = (died[point] ?? 0) + 1;
    }
    for (let kill = 0; kill < RANDOM_KILLS; kill++) {
      await grow(log, random);
      await using forwarder = ForwardProcess.start(command);
      await sleep(random.between(0, 1_500));
      await forwarder.kill();
    }
    await grow(log, random);
    expect(await oplog(...command)).toMatchObject({ code: 0 });
    const { events, doubled, missed } = await compare(log);
    record("Publishing to Kafka: kill -9 of the forwarder", {
      ...Object.fromEntries(Object.entries(died).map(([point, times]) => [`killed ${point}`, times])),
      "killed at any moment": RANDOM_KILLS,
      events,
      "published twice": doubled,
      "not published": missed,
      "out of order": 0,
    });
  }, 1_200_000);

  test.skipIf(process.env.KAFKA_BROKERS)(
    "a broker that is killed, frozen and away loses nothing and doubles nothing",
    async () => {
      const random = new Random(CHAOS_SEED);
      await using place = await logPlace();
      const { log, command } = place;
      await using forwarder = ForwardProcess.start(command.filter((arg) => arg !== "--until-covered"));
      await Promise.all([forwarder.goesOn(), grow(log, random)]);
      for (let kill = 0; kill < BROKER_KILLS; kill++) {
        const growing = grow(log, random);
        await server.kill();
        await growing;
        await forwarder.until("says that the broker is away", ({ state }) => state === "retrying_connection");
        await Promise.all([forwarder.goesOn(), server.start()]);
      }
      server.pause();
      await grow(log, random);
      const thawed = forwarder.goesOn();
      server.resume();
      await thawed;
      await forwarder.stop();
      expect(await oplog(...command)).toMatchObject({ code: 0 });
      const { events, doubled, missed } = await compare(log);
      record("Publishing to Kafka: kill -9 of the broker", {
        "kill -9 of the broker while it was published": BROKER_KILLS,
        events,
        "published twice": doubled,
        "not published": missed,
      });
    },
    1_200_000,
  );
});

interface Place extends AsyncDisposable {
  log: LogForTest;
  /** Publishes what it covers. */
  command: string[];
}

let logs = 0;

async function logPlace(): Promise<Place> {
  const directory = await mkdtemp(join(tmpdir(), "oplog-chaos-"));
  const location = await openStore(pathToFileURL(directory).href);
  const name = `chaos-${process.pid}-${Date.now()}-${++logs}`;
  const log = await LogForTest.begin(name, await location.log(name));
  const store = pathToFileURL(directory).href;
  const to = server.uri("partitions=3");
  return {
    log,
    command: ["forward", "--store", store, "--name", name, "--to", to, "--until-covered", "--json"],
    async [Symbol.asyncDispose]() {
      await location.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Five segments or more; some end inside a transaction. */
async function grow(log: LogForTest, random: Random): Promise<void> {
  for (let segment = random.between(5, 8); segment > 0; segment--) {
    const changes = Array.from({ length: EVENTS_A_SEGMENT }, () => ({ id: random.between(0, 50), op: "update" }));
    await log.add(changes, { endsInTransaction: segment > 1 && random.between(0, 1) === 0 });
  }
}

/** What consumers see against what the log holds; that it is in order for each document is expected here. */
async function compare(log: LogForTest): Promise<{ events: number; doubled: number; missed: number }> {
  const messages = await readTopics(kafkaForTest(server.brokers), [`oplog.${log.name}`]);
  const seen = new Set<string>();
  const newest = new Map<string, number>();
  let doubled = 0;
  for (const { key, headers } of messages) {
    const position = headers.position!;
    if (seen.has(position)) doubled++;
    seen.add(position);
    const [segment, index] = position.split(":").map(Number) as [number, number];
    const at = segment * 1_000_000 + index;
    expect(at).toBeGreaterThan(newest.get(key) ?? -1);
    newest.set(key, at);
  }
  let [events, missed] = [0, 0];
  for (const { segment, count } of log.segments)
    for (let index = 0; index < count; index++, events++) if (!seen.has(`${segment}:${index}`)) missed++;
  expect({ doubled, missed, seen: seen.size }).toEqual({ doubled: 0, missed: 0, seen: events });
  return { events, doubled, missed };
}
