import { ChangeStreamSource, type ClusterTime, formatClusterTime } from "@oplog-collector/collector-core";
import { memoryStoreLocation } from "@oplog-collector/collector-core/testing";
import { MongoClient } from "mongodb";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startReplicaSet } from "../../../../scripts/replica-set.mjs";
import { RecordedLog } from "../chaos/recorded-log.js";
import { copy } from "../copy.js";
import { restore } from "../restore.js";
import { prune } from "../retention/prune.js";
import { listSnapshots } from "../snapshot/list-snapshots.js";
import { takeSnapshot } from "../snapshot/take-snapshot.js";
import { lookAtUsers } from "./look-at-users.js";
import { usersAt } from "./users-log.js";

let source: Awaited<ReturnType<typeof startReplicaSet>>;
let target: Awaited<ReturnType<typeof startReplicaSet>>;
let admin: MongoClient;
let onTarget: MongoClient;
/** Sees users, and not the oplog. */
let reader: string;

beforeAll(async () => {
  [source, target] = await Promise.all([startReplicaSet({ name: "source", auth: true }), startReplicaSet({ name: "target" })]);
  admin = new MongoClient(source.uri, { writeConcern: { w: "majority" } });
  onTarget = new MongoClient(target.uri);
  const find = ["system.users", "system.roles", "system.version"].map((collection) => ({
    resource: { db: "admin", collection },
    actions: ["find", "listIndexes", "collStats"],
  }));
  await admin.db("admin").command({ createRole: "seesUsers", privileges: find, roles: [] });
  await createUser("reader", ["readAnyDatabase", "seesUsers"]);
  reader = source.uri.replace(/\/\/[^@]*@/, "//reader:secret@");
}, 120_000);
afterAll(async () => {
  await Promise.all([admin?.close(), onTarget?.close()]);
  await Promise.all([source?.stop(), target?.stop()]);
});

const createUser = (name: string, roles: string[]) => admin.db("admin").command({ createUser: name, pwd: "secret", roles });

/** By name what it may, with the salt and hash of its password: all of a user but its UUID, which is kept too. */
async function usersOf(client: MongoClient): Promise<unknown[]> {
  const users = client.db("admin").collection("system.users");
  return users.find({}, { sort: { _id: 1 } }).toArray();
}

test("users and roles of a log that does not show their changes are restored as they were recorded last before the moment", async () => {
  await using recorded = await RecordedLog.of(source.uri, "shop", { capture: new ChangeStreamSource({ uri: reader }) });
  const { location, name } = recorded;
  const look = () => lookAtUsers({ source: reader, location, log: name });
  const orders = admin.db("shop").collection("orders");
  await orders.insertOne({ n: 1 });
  await takeSnapshot({ source: reader, location, log: name });
  const moments: { to: ClusterTime; users: unknown[] }[] = [];
  const moment = async () => {
    const { operationTime } = await admin.db("shop").command({ insert: "orders", documents: [{}], writeConcern: { w: "majority" } });
    moments.push({ to: operationTime.toBigInt(), users: await usersOf(admin) });
  };
  await moment();
  await createUser("clerk", ["read"]);
  expect(await look()).toMatchObject({ changed: true });
  expect(await look()).toMatchObject({ changed: false });
  await moment();
  await admin.db("admin").command({ updateUser: "clerk", pwd: "other" });
  await createUser("guard", ["seesUsers"]);
  expect(await look()).toMatchObject({ changed: true });
  await moment();
  await admin.db("admin").command({ dropUser: "clerk" });
  expect(await look()).toMatchObject({ changed: true });
  await moment();
  await recorded.caughtUp();

  const lookFor = (uri: string, log: string) => lookAtUsers({ source: uri, location, log });
  await expect(lookFor(reader, "empty")).rejects.toMatchObject({ code: "OUTSIDE_COVERAGE" });
  await expect(lookFor(target.uri, name)).rejects.toMatchObject({ code: "SOURCE_MISMATCH" });

  // What is kept of them is no base snapshot, and a copy has it too.
  expect(await listSnapshots(location, name)).toHaveLength(1);
  const second = memoryStoreLocation();
  await copy(location, second, name);
  for (const place of [location, second])
    for (const { to, users } of moments) {
      await onTarget.db("admin").command({ dropAllUsersFromDatabase: 1 });
      const { users: restored, notes } = await restore({ location: place, log: name, target: target.uri, to, users: true, force: true });
      expect([formatClusterTime(to), await usersOf(onTarget)]).toEqual([formatClusterTime(to), users]);
      expect(restored).toBe(users.length + 1); // and the role
      if (to > moments[0]!.to) expect(notes.join()).toContain("Users and roles as they were recorded at");
    }

  await prune(location, name, { before: moments.at(-1)!.to, maxBytes: undefined });
  expect((await usersAt(location, name, moments.at(-1)!.to))?.users).toHaveLength(3);
});
