import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { openStore, verifyLog } from "@oplog-collector/collector-core";
import { sampleSegment } from "@oplog-collector/collector-core/testing";
import { pino } from "pino";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Cluster } from "./cluster.js";
import { Housekeeping } from "./housekeeping.js";
import { StoreLocations } from "./store-locations.js";

const DAY_MS = 86_400_000;
const SEGMENTS = 40;

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "oplog-housekeeping-"));
});
afterEach(async () => {
  vi.useRealTimers();
  await rm(directory, { recursive: true });
});

const bundles = async (): Promise<string[]> => (await readdir(directory, { recursive: true })).filter((name) => name.endsWith(".bundle"));

test("once a day the small segments of the days before become one object, and the log stays what it was", async () => {
  const log = await (await openStore(pathToFileURL(directory).href)).log("shop");
  const sealedOn = Date.UTC(2026, 4, 2, 13);
  let previous: Buffer | null = null;
  for (let number = 1; number <= SEGMENTS; number++) {
    const segment = sampleSegment({ number, log: "shop", previous, sealedAt: new Date(sealedOn + number * 60_000) });
    await log.append(segment);
    previous = segment.hash;
  }
  const locations = new StoreLocations();
  const storeUri = pathToFileURL(directory).href;
  const cluster = { id: "1", name: "shop", storeUri, retention: {}, snapshotEveryHours: null, log: null, status: null };
  const housekeeping = new Housekeeping({
    ...{ locations, owned: () => [cluster as unknown as Cluster], logger: pino({ enabled: false }) },
    jobs: { isBusy: async () => false } as never,
    takeSnapshot: () => Promise.reject(new Error("none is due")),
    onPruned: () => Promise.reject(new Error("nothing is to be pruned")),
  });
  vi.useFakeTimers({ toFake: ["Date"], now: sealedOn + 5 * 3_600_000 });
  await housekeeping.round();
  expect(await bundles(), "that day is not over").toEqual([]);
  vi.setSystemTime(sealedOn + DAY_MS);
  await housekeeping.round();
  expect(await bundles()).toHaveLength(1);
  expect(await verifyLog(await (await openStore(pathToFileURL(directory).href)).log("shop"), "shop")).toMatchObject({
    ok: true,
    segments: SEGMENTS,
  });
  await locations.close();
});
