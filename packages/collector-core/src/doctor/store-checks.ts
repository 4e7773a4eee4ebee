import { randomBytes } from "node:crypto";
import type { MongoClient } from "mongodb";
import { OplogError } from "../errors.js";
import { refusal } from "../refusal.js";
import { type SealedSegment, sealSegment } from "../segment.js";
import { checkNoSelfCapture } from "../self-capture.js";
import { processIds } from "../source/deployment.js";
import type { Store, StoreLocation } from "../store.js";
import { openStore } from "../stores/open-store.js";
import { type DoctorCheck, failed, passed, warned } from "./check.js";

/** The source, when it answers. */
export interface Captured {
  client: MongoClient;
  database: string | null;
}

/** What a collector needs of a store. */
export async function* checkStore(uri: string, captured: Captured | null): AsyncGenerator<DoctorCheck> {
  let location: StoreLocation;
  try {
    location = await openStore(uri);
  } catch (error) {
    yield failed("store answers", refusal("store", error));
    return;
  }
  try {
    if (captured && location.deployment) yield await checkApart(captured, location.deployment);
    yield await checkKeeps(location);
  } finally {
    await location.close();
  }
}

async function checkApart({ client, database }: Captured, deployment: NonNullable<StoreLocation["deployment"]>): Promise<DoctorCheck> {
  const check = "store is apart from the source";
  try {
    const ids = await processIds(client);
    checkNoSelfCapture({ processIds: ids, database }, deployment);
    return ids.some((id) => deployment.processIds.includes(id))
      ? warned(
          check,
          "It is on the source's own deployment: what destroys the one destroys the other",
          "Put the store on another deployment.",
        )
      : passed(check, "it is another deployment");
  } catch (error) {
    return failed(check, error);
  }
}

/** As much as a busy source fills a segment with. */
const PAYLOAD_BYTES = 256 * 1024;

/** A store that takes longer than this for one segment can't hold the usual recovery point of a second. */
const SLOW_MS = 1_000;

/** Stores, reads back and removes a segment in a log of its own; a second segment of the same number must be refused. */
async function checkKeeps(location: StoreLocation): Promise<DoctorCheck> {
  const check = "store keeps what it is given";
  const name = `doctor-${randomBytes(6).toString("hex")}`;
  try {
    const store = await location.log(name);
    const ms = await tryStore(store, name).catch(async (error) => {
      await store.remove().catch(() => {}); // what went wrong before says more
      throw error;
    });
    await store.remove();
    await store.close();
    const detail = `a segment of ${PAYLOAD_BYTES / 1024} KiB was stored in ${ms} ms, read back and removed`;
    if (ms <= SLOW_MS) return passed(check, detail);
    const slower = `${detail}: slower than the recovery point objective of a second`;
    return warned(check, slower, "Look at the store's disk and network, or allow a larger --rpo.");
  } catch (error) {
    return failed(check, refusal("store", error));
  }
}

/** Returns how many milliseconds the store took for one segment; throws `STORE_FAILED` when it does not keep its promises. */
export async function tryStore(store: Store, log: string): Promise<number> {
  const segment = sampleFor(log);
  const start = performance.now();
  const first = await store.append(segment);
  const ms = Math.round(performance.now() - start);
  const wrong = (what: string) =>
    new OplogError("STORE_FAILED", `The store ${what}`, { hint: "Don't use it: a log in it could not be trusted." });
  if (first !== "stored") throw wrong("says that it holds a segment which was never stored");
  const found = await store.read(segment.number);
  if (!found?.hash.equals(segment.hash) || !found.payload.equals(segment.payload))
    throw wrong("gives back something else than what was stored");
  if ((await store.append(sampleFor(log))) !== "taken") throw wrong("lets a second writer replace a segment");
  return ms;
}

function sampleFor(log: string): SealedSegment {
  const now = new Date();
  const position = { token: null, clusterTime: 1n, wallTime: now };
  return sealSegment(
    {
      number: 1,
      kind: "start",
      log,
      previous: null,
      sealedAt: now,
      from: position,
      to: position,
      coveredTo: 1n,
      format: "change-event",
      events: 0,
      bytes: PAYLOAD_BYTES,
      counts: [],
      codec: "none",
    },
    randomBytes(PAYLOAD_BYTES),
  );
}
