/// <reference path="../../../../scripts/vitest-context.d.ts" />
import { setTimeout as sleep } from "node:timers/promises";
import { MongoClient } from "mongodb";
import { describe, expect, inject, test } from "vitest";
import { waitFor } from "../../../../scripts/wait-for.mjs";
import { formatClusterTime } from "../cluster-time.js";
import { Collector } from "../collector.js";
import { Random } from "../simulation/random.js";
import { ChangeStreamSource } from "../source/change-stream.js";
import { openStore } from "../stores/open-store.js";
import { verifyLog } from "../verify.js";
import { CHECKPOINT_INTERVAL_MS, WRITER_SILENT_MS } from "../writer-claim.js";
import { CollectorProcess } from "./collector-process.js";
import { compareWithControl } from "./control-reader.js";
import { type LogPlace, openPlace, type Sink, withLogOf } from "./log-place.js";
import { MixedLoad } from "./mixed-load.js";
import { record } from "./results.js";
import { CHAOS_SEED, FULL, scaled } from "./scale.js";
import { mark } from "./source-marks.js";

const ROUNDS = scaled(1, 10);
const NAME = "contested";

describe.concurrent.each<Sink>(["file", "mongodb"])("two collectors at once on one log in a %s store", (sink) => {
  test("one goes on, the other ends as fenced, and nothing is stored twice", async () => {
    await using contest = await Contest.begin(sink, `race_${sink}`);
    let fenced = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const two = [contest.start(), contest.start()];
      try {
        const loser = await waitFor("one of the two to end", () => two.find(({ exit }) => exit), { timeoutMs: 40_000 });
        expect(loser.exit).toEqual({ code: 6, signal: null });
        expect(loser.states.at(-1)).toMatch(/^error: Another collector /);
        fenced++;
        const winner = two.find((one) => one !== loser)!;
        await winner.goesOn();
        // Also past its next checkpoint, which the loser may have written over.
        if (round === ROUNDS - 1) await sleep(CHECKPOINT_INTERVAL_MS + 1_000);
        await winner.goesOn();
        // A third one, later: it sees that one runs.
        const third = contest.start();
        expect(await third.ended).toEqual({ code: 6, signal: null });
        expect(third.stderr).toContain(`process ${winner.pid} `);
        await winner.goesOn();
        await winner.stop();
      } finally {
        for (const one of two) await one[Symbol.asyncDispose]();
      }
    }
    const events = await contest.end();
    record(`Two collectors at once: ${sink} store`, {
      "times both were started": ROUNDS,
      "times one was fenced": fenced,
      "events, each once": events,
    });
  }, 300_000);

  test("one that slept while another took over ends as fenced when it wakes", async () => {
    await using contest = await Contest.begin(sink, `asleep_${sink}`);
    await using sleeper = contest.start();
    await sleeper.goesOn();
    await sleeper.pause();
    const next = await contest.takeOver();
    await next.hasStored();
    sleeper.resume();
    expect(await sleeper.ended).toEqual({ code: 6, signal: null });
    await next.hasStored();
    await next.stop();
    record(`A sleeping collector wakes: ${sink} store`, { "exit code": 6, "events, each once": await contest.end() });
  }, 180_000);
});

interface Successor {
  hasStored(): Promise<void>;
  stop(): Promise<void>;
}

class Contest {
  private constructor(
    private readonly place: LogPlace,
    private readonly load: MixedLoad,
    private readonly client: MongoClient,
    private readonly database: string,
    private readonly after: bigint,
  ) {}

  static async begin(sink: Sink, database: string): Promise<Contest> {
    const place = await openPlace(sink);
    const client = new MongoClient(inject("mongodbUri"));
    const after = await mark(client, database);
    const load = new MixedLoad(inject("mongodbUri"), new Random(CHAOS_SEED), { eventsPerSecond: 500, database });
    load.start();
    return new Contest(place, load, client, database, after);
  }

  start(): CollectorProcess {
    return CollectorProcess.start({
      source: inject("mongodbUri"),
      store: this.place.uri,
      name: NAME,
      args: ["--capture", "change-stream", "--database", this.database, "--from", formatClusterTime(this.after), "--rpo", "100"],
    });
  }

  /** By whoever knows that it may, as a supervisor; in the full form by a plain collector, once the other was silent for long enough. */
  async takeOver(): Promise<Successor> {
    if (FULL) {
      await sleep(WRITER_SILENT_MS + 1_000);
      const collector = this.start();
      return { hasStored: () => collector.goesOn(), stop: () => collector.stop() };
    }
    const location = await openStore(this.place.uri);
    const source = new ChangeStreamSource({ uri: inject("mongodbUri"), database: this.database });
    const collector = new Collector({ name: NAME, source, store: await location.log(NAME), takeOver: true, limits: { ageMs: 100 } });
    const stopping = new AbortController();
    const ran = collector.run(stopping.signal);
    ran.catch(() => {}); // seen where it is stopped
    return {
      async hasStored() {
        const { events } = collector.status;
        await waitFor("the successor to store events", () => collector.status.events > events);
      },
      async stop() {
        stopping.abort();
        await ran;
        await source.close();
        await location.close();
      },
    };
  }

  /** Ends the load, lets one collector finish, and compares; resolves with the number of events. */
  async end(): Promise<number> {
    await this.load.stop();
    const to = await mark(this.client, this.database);
    await using last = this.start();
    await last.until("has covered the last event", () => last.coveredTo >= to);
    await last.stop();
    return withLogOf(this.place, NAME, async (store) => {
      expect(await verifyLog(store, NAME)).toMatchObject({ ok: true });
      const order = { uri: inject("mongodbUri"), capture: "change-stream" as const, database: this.database, after: this.after, to };
      return (await compareWithControl(store, order)).events;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.load[Symbol.asyncDispose]();
    await this.client.close();
    await this.place[Symbol.asyncDispose]();
  }
}
