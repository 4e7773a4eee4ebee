import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { MongoClient } from "mongodb";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startReplicaSet } from "../../../scripts/replica-set.mjs";
import { apply } from "./apply.js";
import { differences, readState } from "./chaos/deployment-state.js";
import { RecordedLog } from "./chaos/recorded-log.js";
import { copyFilter } from "./snapshot/replay-filter.js";

const run = promisify(execFile);

/** Tools of MongoDB that not every machine has; where they are absent the test says so by being skipped. */
const hasTools = await Promise.all(["mongodump", "mongorestore"].map((tool) => run(tool, ["--version"]))).then(
  () => true,
  () => false,
);

let sourceSet: Awaited<ReturnType<typeof startReplicaSet>>;
let targetSet: Awaited<ReturnType<typeof startReplicaSet>>;

beforeAll(async () => {
  if (!hasTools) return;
  [sourceSet, targetSet] = await Promise.all([startReplicaSet({ name: "dump-source" }), startReplicaSet({ name: "dump-target" })]);
});

afterAll(() => Promise.all([sourceSet?.stop(), targetSet?.stop()]));

test.skipIf(!hasTools)(
  "a mongodump taken while its source was written to, and the log from its start, give the source's state",
  async () => {
    await using recorded = await RecordedLog.of(sourceSet.uri);
    await using source = await new MongoClient(sourceSet.uri).connect();
    await using target = await new MongoClient(targetSet.uri).connect();
    const items = source.db("shop").collection<{ _id: number; n: number; list?: number[] }>("items");
    await items.insertMany(Array.from({ length: 5_000 }, (_, n) => ({ _id: n, n, text: "some text ".repeat(50) })));
    await items.createIndex({ n: 1 });
    const after = await recorded.caughtUp();
    const dump = await mkdtemp(join(tmpdir(), "oplog-dump-"));
    let stopped = false;
    let copied = after;
    const writing = (async () => {
      for (let n = 0; !stopped; n++) {
        await items.updateOne({ _id: n % 5_000 }, { $set: { n: -n, [`field${n % 7}`]: n }, $push: { list: n } });
        await items.deleteOne({ _id: (n * 7 + 3) % 5_000 });
        await items.replaceOne({ _id: (n * 11) % 6_000 }, { n }, { upsert: true });
      }
    })();
    try {
      await run("mongodump", [`--uri=${sourceSet.uri}`, "--db=shop", `--out=${dump}`]);
      copied = await recorded.caughtUp();
      await run("mongorestore", [`--uri=${targetSet.uri}`, dump]);
    } finally {
      stopped = true;
      await writing;
      await rm(dump, { recursive: true, force: true });
    }
    const to = await recorded.caughtUp();
    const request = { store: recorded.log, log: recorded.name, target: targetSet.uri, after, to };
    await apply({ ...request, base: await copyFilter(recorded.log, after, copied) });
    expect(differences(await readState(source), await readState(target))).toEqual([]);
  },
);

test.skipIf(!hasTools)("a copy during which collections changed is refused", async () => {
  await using recorded = await RecordedLog.of(sourceSet.uri);
  await using source = await new MongoClient(sourceSet.uri).connect();
  const after = await recorded.caughtUp();
  await source.db("shop").createCollection("new");
  await expect(copyFilter(recorded.log, after, await recorded.caughtUp())).rejects.toMatchObject({ code: "BAD_INPUT" });
});
