import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { openStore, verifyLog } from "@oplog-collector/collector-core";
import { sampleSegment } from "@oplog-collector/collector-core/testing";
import { pino } from "pino";
import { afterEach, beforeEach, expect, inject, test, vi } from "vitest";
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

/** For a cluster of the log "shop", of which only what is told matters. */
function keeping(cluster: object) {
  const locations = new StoreLocations();
  const storeUri = pathToFileURL(directory).href;
  const of = { id: "1", name: "shop", storeUri, retention: {}, snapshotEveryHours: null, log: null, status: { report: null }, ...cluster };
  const housekeeping = new Housekeeping({
    ...{ locations, owned: () => [of as unknown as Cluster], logger: pino({ enabled: false }) },
    jobs: { isBusy: async () => false } as never,
    takeSnapshot: () => Promise.reject(new Error("none is due")),
    onPruned: () => Promise.reject(new Error("nothing is to be pruned")),
  });
  return { housekeeping, locations };
}

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
  const { housekeeping, locations } = keeping({});
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

test("users and roles are recorded where the log does not show their changes, and nowhere else", async () => {
  const log = await (await openStore(pathToFileURL(directory).href)).log("shop");
  await log.append(sampleSegment({ number: 1, log: "shop", source: undefined }));
  for (const carried of ["exactly", "by the oplog", "in base snapshots only"]) {
    const report = { captureReport: { findings: [{ kind: "users-and-roles", carried }] } };
    const { housekeeping, locations } = keeping({ connectionString: inject("mongodbUri"), status: { state: "running", report } });
    await housekeeping.round();
    await housekeeping.round(); // not due again
    const names = await locations.use(pathToFileURL(directory).href, (location) => location.names("shop@"));
    expect([carried, names]).toEqual([carried, carried === "in base snapshots only" ? ["shop@users"] : []]);
    await locations.close();
  }
});
