import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { MongoClient } from "mongodb";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startReplicaSet } from "../../../../scripts/replica-set.mjs";
import { formatClusterTime } from "../cluster-time.js";
import { verifyLog } from "../verify.js";
import { CollectorProcess } from "./collector-process.js";
import { compareWithControl } from "./control-reader.js";
import { type LogPlace, openPlace, withLogOf } from "./log-place.js";
import { record } from "./results.js";
import { scaled } from "./scale.js";
import { mark } from "./source-marks.js";

const AWAY_MS = scaled(10_000, 60_000);

/** More than a collector may keep in memory, beside what it has at rest: one that keeps it all is found out. */
const BACKLOG_MIB = scaled(300, 400);

/** A collector at rest has about 100 MiB, its buffers (a reply and the next one, four segments, compressed and not) fill less than as much again. */
const MEMORY_LIMIT_MIB = 350;

const NAME = "patient";

describe("a store that is away: nothing is lost, memory stays bounded, the status says why, and it goes on by itself", () => {
  let source: Awaited<ReturnType<typeof startReplicaSet>>;
  let client: MongoClient;
  beforeAll(async () => {
    source = await startReplicaSet({ name: "source", oplogSizeMB: 4096 });
    client = new MongoClient(source.uri);
  });
  afterAll(async () => {
    await client?.close();
    await source?.stop();
  });

  interface Absence {
    begin(): Promise<void>;
    end(): Promise<void>;
    /** What the status must say meanwhile. */
    reason: RegExp;
  }

  /** Captures while the store is away and `backlogMiB` are written, and compares all with the source's own history. */
  async function survives(place: LogPlace, absence: Absence, { awayMs, backlogMiB }: { awayMs: number; backlogMiB: number }) {
    const after = await mark(client, "shop");
    const args = ["--from", formatClusterTime(after), "--capture", "change-stream"];
    await using collector = CollectorProcess.start({ source: source.uri, store: place.uri, name: NAME, args });
    await writeMiB(client, 5);
    await collector.until("has stored something", ({ events, state }) => state === "running" && events > 0);
    const atRest = await collector.peakMemoryMiB();

    await absence.begin();
    const since = Date.now();
    await writeMiB(client, backlogMiB);
    await collector.until(
      "says that the store is away",
      ({ state, error }) => state === "retrying_connection" && absence.reason.test(error!.message),
    );
    await sleep(Math.max(0, since + awayMs - Date.now()));
    const { events: stored, error } = collector.status!;
    expect(error?.message).toMatch(absence.reason); // still
    const meanwhile = await collector.peakMemoryMiB();
    await absence.end();

    const backAt = Date.now();
    await collector.until("runs again", ({ state, error }) => state === "running" && error === null);
    const backAfter = Date.now() - backAt;
    const to = await mark(client, "shop");
    await collector.until("has covered the last event", () => collector.coveredTo >= to, 180_000);
    const peak = await collector.peakMemoryMiB();
    await collector.stop();

    const equal = await withLogOf(place, NAME, async (store) => {
      expect(await verifyLog(store, NAME)).toMatchObject({ ok: true });
      return compareWithControl(store, { uri: source.uri, capture: "change-stream", after, to });
    });
    expect(equal.events).toBeGreaterThan(stored);
    expect(meanwhile).toBeLessThan(MEMORY_LIMIT_MIB);
    expect(peak).toBeLessThan(MEMORY_LIMIT_MIB);
    return {
      "seconds away": Math.round((backAt - since) / 1000),
      "MiB written meanwhile": backlogMiB,
      "peak memory before, meanwhile and after, MiB": `${atRest}, ${meanwhile}, ${peak}`,
      "ms until it ran again": backAfter,
      "what the status said": error!.message.slice(0, 160),
      "events, each once": equal.events,
    };
  }

  test("its mongod is down", async () => {
    await using place = await openPlace("mongodb");
    const mongod = place.server!.member(0);
    const figures = await survives(
      place,
      { begin: () => mongod.kill(), end: () => mongod.start(), reason: /^store: / },
      { awayMs: AWAY_MS, backlogMiB: BACKLOG_MIB },
    );
    record("Store unreachable: mongod down", figures);
  }, 300_000);

  // Here nobody refuses: only the absence of answers tells. The store's client gives a connection up after 30 s.
  test.runIf(scaled(false, true))(
    "its mongod no longer answers",
    async () => {
      await using place = await openPlace("mongodb");
      const mongod = place.server!.member(0);
      const figures = await survives(
        place,
        { begin: () => mongod.pause(), end: async () => mongod.resume(), reason: /^store: / },
        { awayMs: AWAY_MS, backlogMiB: BACKLOG_MIB },
      );
      record("Store unreachable: mongod frozen", figures);
    },
    300_000,
  );

  test("its disk is full, as a directory", async ({ skip }) => {
    await using disk = await smallDisk(192);
    if ("reason" in disk) return skip(disk.reason);
    const uri = pathToFileURL(join(disk.path, "log")).href;
    const place: LogPlace = { sink: "file", uri, directUri: uri, [Symbol.asyncDispose]: async () => {} };
    const figures = await survives(
      place,
      { begin: () => disk.fill(8), end: () => disk.free(), reason: /^store: .*ENOSPC/ },
      { awayMs: AWAY_MS / 2, backlogMiB: 120 },
    );
    const left = (await readdir(join(disk.path, "log"), { recursive: true })).filter((file) => file.includes(".tmp-"));
    expect(left).toEqual([]);
    record("Disk full: file store", figures);
  }, 300_000);

  // A mongod whose disk is full ends itself; someone makes room and starts it again.
  test.runIf(scaled(false, true))(
    "its disk is full, as a mongod",
    async ({ skip }) => {
      await using disk = await smallDisk(1024);
      if ("reason" in disk) return skip(disk.reason);
      await using server = await startReplicaSet({ name: "store", dir: join(disk.path, "set"), oplogSizeMB: 300 });
      const place: LogPlace = {
        sink: "mongodb",
        uri: server.directUri,
        directUri: server.directUri,
        server,
        [Symbol.asyncDispose]: async () => {},
      };
      const mongod = server.member(0);
      const figures = await survives(
        place,
        {
          begin: () => disk.fill(20),
          async end() {
            await disk.free();
            if (mongod.running) await mongod.kill();
            await mongod.start();
          },
          reason: /^store: /,
        },
        { awayMs: AWAY_MS, backlogMiB: 120 },
      );
      record("Disk full: MongoDB store", figures);
    },
    300_000,
  );
});

/** Documents that no codec makes smaller. */
async function writeMiB(client: MongoClient, mib: number): Promise<void> {
  const collection = client.db("shop").collection("blobs");
  for (let written = 0; written < mib; written += 4)
    await collection.insertMany(Array.from({ length: 200 }, () => ({ blob: randomBytes(20 * 1024) })));
}

interface SmallDisk {
  path: string;
  /** Takes all space but `leftMiB`. */
  fill(leftMiB: number): Promise<void>;
  free(): Promise<void>;
}

/** A file system of its own in memory; a reason, when we may not mount one. */
async function smallDisk(mib: number): Promise<(SmallDisk | { reason: string }) & AsyncDisposable> {
  const run = promisify(execFile);
  const path = await mkdtemp(join(tmpdir(), "oplog-small-disk-"));
  try {
    await run("mount", ["-t", "tmpfs", "-o", `size=${mib}m`, "tmpfs", path]);
  } catch (error) {
    await rm(path, { recursive: true });
    const reason = `a disk that can be filled needs the right to mount a tmpfs: ${(error as Error).message.trim()}`;
    console.log(`skipped: ${reason}`);
    return { reason, [Symbol.asyncDispose]: async () => {} };
  }
  const filler = join(path, "filler");
  return {
    path,
    async fill(leftMiB) {
      const { stdout } = await run("df", ["-m", "--output=avail", path]);
      const available = Number(/\d+/.exec(stdout)?.[0]);
      const blocks = Array.from({ length: Math.max(0, available - leftMiB) }, () => Buffer.alloc(1024 * 1024, 1));
      await writeFile(filler, blocks);
    },
    free: () => rm(filler, { force: true }),
    async [Symbol.asyncDispose]() {
      await run("umount", ["--lazy", path]);
      await rm(path, { recursive: true, force: true });
    },
  };
}
