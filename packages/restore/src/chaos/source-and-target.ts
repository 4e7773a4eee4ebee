import { MongoClient } from "mongodb";
import { afterAll, beforeAll, beforeEach } from "vitest";
import { startReplicaSet } from "../../../../scripts/replica-set.mjs";
import { dropUserData } from "./deployment-state.js";

type ReplicaSet = Awaited<ReturnType<typeof startReplicaSet>>;

/** Two replica sets for all tests of a file, both without user data before each test. */
export class SourceAndTarget {
  sourceSet!: ReplicaSet;
  targetSet!: ReplicaSet;
  source!: MongoClient;
  target!: MongoClient;

  /** Called where the file's tests are declared. */
  static forTests(name: string): SourceAndTarget {
    const two = new SourceAndTarget();
    beforeAll(async () => {
      [two.sourceSet, two.targetSet] = (await Promise.all(
        ["source", "target"].map((of) => startReplicaSet({ name: `${name}-${of}` })),
      )) as [ReplicaSet, ReplicaSet];
      [two.source, two.target] = [new MongoClient(two.sourceSet.uri), new MongoClient(two.targetSet.uri)];
    });
    afterAll(async () => {
      await Promise.all([two.source?.close(), two.target?.close()]);
      await Promise.all([two.sourceSet?.stop(), two.targetSet?.stop()]);
    });
    beforeEach(async () => {
      await dropUserData(two.source);
      await dropUserData(two.target);
    });
    return two;
  }
}
