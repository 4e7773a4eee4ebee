import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { type StoreLocation, snapshotLogName } from "@oplog-collector/collector-core";
import { checkNotHeld } from "@oplog-collector/restore";

/** A collector whose manager was killed ends within 5 s; what it still has under way must not land in the emptied log. */
const LAST_WRITER_MS = 6_000;

/** Removes a log with its position and its base snapshots. No collector of ours may run for it. Throws `CONFLICT` when it is under a legal hold. */
export async function wipeLog(location: StoreLocation, name: string): Promise<void> {
  await checkNotHeld(location, name);
  const store = await location.log(name);
  try {
    const checkpoint = await store.readCheckpoint();
    if (checkpoint?.writer) {
      // Not released: it was killed, or still ends somewhere. Taken over it stops at the latest with its next checkpoint.
      const writer = { id: randomUUID(), host: hostname(), pid: process.pid };
      await store.writeCheckpoint({ ...checkpoint, writer, at: new Date() }, { takeOver: true });
      const age = Date.now() - checkpoint.at.getTime();
      // Silent for longer than any collector is: gone for good.
      if (age < SILENT_MS) await new Promise((resolve) => setTimeout(resolve, LAST_WRITER_MS));
    }
    for (const found of await location.names(snapshotLogName(name, ""))) {
      const copy = await location.log(found);
      await copy.remove();
      await copy.close();
    }
    await store.remove();
  } finally {
    await store.close();
  }
}

/** Three checkpoints missed. */
const SILENT_MS = 30_000;
