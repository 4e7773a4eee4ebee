import { MongoClient } from "mongodb";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { headroomMs } from "../headroom.js";
import { checkCapturable, identifyDeployment, newestClusterTime, processIds, readOplogWindow } from "./deployment.js";

let client: MongoClient;

beforeAll(() => {
  client = new MongoClient(inject("mongodbUri"));
});

afterAll(() => client?.close());

const set = { version: "6.0.5", sharded: false, setName: "rs0" };

test("replica sets and sharded clusters from 6.0 on can be captured", () => {
  for (const deployment of [set, { ...set, version: "10.0.0" }, { version: "7.0.1", sharded: true, setName: null }])
    expect(() => checkCapturable(deployment)).not.toThrow();
});

test.each([
  [{ ...set, version: "5.0.31" }, /MongoDB 5\.0\.31.* 6\.0 or newer/],
  [{ ...set, version: "4.4.0" }, /6\.0 or newer/],
  [{ ...set, setName: null }, /standalone/],
])("%j is refused", (deployment, message) => {
  expect(() => checkCapturable(deployment)).toThrow(
    expect.objectContaining({ code: "SOURCE_UNSUITABLE", message: expect.stringMatching(message) }),
  );
});

test("a real set is known again by its id and by its process", async () => {
  const identity = await identifyDeployment(client, null);
  expect(identity).toMatchObject({ sharded: false, setName: "rs0", database: null, version: expect.stringMatching(/^\d+\.\d+\.\d+/) });
  expect(identity.replicaSetId).toMatch(/^[0-9a-f]{24}$/);
  expect(await processIds(client)).toEqual([expect.stringMatching(/^[0-9a-f]{24}$/)]);
});

test("a source that has just begun has headroom: the room in its oplog counts", async () => {
  const window = await readOplogWindow(client, false);
  expect(window).toMatchObject({ size: { maxBytes: expect.any(Number) } });
  const { headroomMs: headroom } = headroomMs(window, await newestClusterTime(client));
  // 256 MiB for the little that tests write in minutes.
  expect(headroom).toBeGreaterThan(10 * 60_000);
});
