import type { TestProject } from "vitest/node";
import { startReplicaSet } from "./replica-set.mjs";

type ReplicaSet = Awaited<ReturnType<typeof startReplicaSet>>;

/** Every project runs this, each in a module of its own; the process is what they share. */
const shared: typeof globalThis & { oplogTestReplicaSet?: Promise<ReplicaSet> } = globalThis;

/** Starts the replica set that tests reach by `inject("mongodbUri")`, unless TEST_MONGODB_URI names one that runs. */
export default async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const running = process.env.TEST_MONGODB_URI;
  if (running) {
    project.provide("mongodbUri", running);
    return undefined;
  }
  shared.oplogTestReplicaSet ??= startReplicaSet({ testCommands: true });
  const set = await shared.oplogTestReplicaSet;
  project.provide("mongodbUri", set.uri);
  return () => set.stop();
}
