import { expect, test } from "vitest";
import { CheckpointKeeper } from "./checkpoint-keeper.js";
import type { Checkpoint, Writer } from "./store.js";
import { samplePosition } from "./stores/sample-segment.js";
import { Troubles } from "./trouble.js";

const self: Writer = { id: "a", host: "host-1", pid: 1 };

const at = (second: number) => ({ position: samplePosition(second), coveredTo: samplePosition(second).clusterTime });

/** The checkpoint that is written when the newest segment ends at one second and what was added at another. */
async function written(
  stored: number,
  added: number,
  { idle = true, number = 4, coveredTo = at(added).coveredTo } = {},
): Promise<Checkpoint | undefined> {
  const clock = { now: () => 5_000, random: () => 0, sleep: async () => {} };
  const checkpoints: Checkpoint[] = [];
  const stop = new AbortController();
  const keeper = new CheckpointKeeper({
    store: {
      writeCheckpoint: async (checkpoint) => {
        checkpoints.push(checkpoint);
        return "stored";
      },
    },
    writer: { head: { number, hash: Buffer.alloc(32), ...at(stored) }, idle, position: samplePosition(added), coveredTo },
    self,
    clock: { ...clock, sleep: async () => stop.abort() },
    troubles: new Troubles({ maxRetries: 0, baseMs: 1, capMs: 1 }, clock, () => {}),
    onWritten: (checkpoint) => expect(checkpoint).toBe(checkpoints.at(-1)),
  });
  await keeper.keep(stop.signal);
  return checkpoints[0];
}

test("with nothing in memory it is ahead of the newest segment, so that an idle source advances", async () => {
  expect(await written(1, 3)).toEqual({ ...at(3), afterSegment: 4, writer: self, at: new Date(5_000) });
});

test("it never passes events that are still in memory", async () => {
  expect(await written(1, 3, { idle: false })).toMatchObject(at(1));
});

test("what an empty reply tells is complete is kept, though the position is the same", async () => {
  const covered = at(2).coveredTo;
  expect(await written(1, 1, { coveredTo: covered })).toMatchObject({ position: samplePosition(1), coveredTo: covered });
});

test("it is not written before the first segment is durable", async () => {
  expect(await written(1, 3, { number: 0 })).toBeUndefined();
});
