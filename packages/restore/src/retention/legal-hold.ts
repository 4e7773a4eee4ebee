import { hostname, userInfo } from "node:os";
import {
  appendOnce,
  decodeHeader,
  OplogError,
  type Store,
  type StoreLocation,
  sealSegment,
  snapshotLogName,
} from "@oplog-collector/collector-core";
import { withLogBeside } from "../log-beside.js";

/**
 * A log that must not lose anything: neither by retention nor by hand. Kept beside the log, in a small log of its own, `<log>@legal-hold`, whose
 * segments say when it was set and released, by whom and why. They are chained as all segments are, and never removed.
 */
export const HOLD_ID = "legal-hold";

export interface LegalHold {
  reason: string;
  at: Date;
  /** Who set it: user and machine. */
  by: string;
}

interface HoldRecord {
  what: "hold" | "release";
  reason: string;
  by: string;
}

/** The hold that a log is under; null when there is none. */
export async function readHold(location: StoreLocation, log: string): Promise<LegalHold | null> {
  return withLogBeside(location, log, HOLD_ID, async (store) => {
    const newest = await newestOf(store);
    if (newest?.record.what !== "hold") return null;
    const { reason, by } = newest.record;
    return { reason, by, at: newest.at };
  });
}

/** Throws `CONFLICT` when the log is under a hold. */
export async function checkNotHeld(location: StoreLocation, log: string): Promise<void> {
  const hold = await readHold(location, log);
  if (hold)
    throw new OplogError("CONFLICT", `The log ${log} is under a legal hold since ${hold.at.toISOString()} (${hold.by}): ${hold.reason}`, {
      hint: "Nothing of it may be removed before the hold is released: oplog hold --release.",
    });
}

/** Puts a log under a hold, or releases it from the one that it is under. */
export async function writeHold(location: StoreLocation, log: string, what: HoldRecord["what"], reason: string): Promise<void> {
  await withLogBeside(location, log, HOLD_ID, async (store) => {
    const newest = await newestOf(store);
    const at = new Date();
    const position = { token: null, clusterTime: 0n, wallTime: at };
    const snapshot: Record<string, unknown> & HoldRecord = { what, reason, by: `${userInfo().username}@${hostname()}` };
    const segment = sealSegment(
      {
        number: (newest?.number ?? 0) + 1,
        kind: "start",
        log: snapshotLogName(log, HOLD_ID),
        previous: newest?.hash ?? null,
        sealedAt: at,
        from: position,
        to: position,
        coveredTo: 0n,
        format: "document",
        events: 0,
        bytes: 0,
        counts: [],
        codec: "none",
        snapshot,
      },
      Buffer.alloc(0),
    );
    await appendOnce(store, segment);
  });
}

async function newestOf(store: Store): Promise<{ number: number; hash: Buffer; record: HoldRecord; at: Date } | null> {
  for await (const { number, hash, header } of store.headers({ reverse: true })) {
    const { snapshot, sealedAt } = decodeHeader(header);
    return { number, hash, record: snapshot as unknown as HoldRecord, at: sealedAt };
  }
  return null;
}
