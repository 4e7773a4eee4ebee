import { randomUUID } from "node:crypto";
import { type Db, MongoClient } from "mongodb";
import { afterEach, beforeEach, expect, inject, test } from "vitest";
import { waitFor } from "../../../scripts/wait-for.mjs";
import { LEASE_MS, Leases } from "./lease.js";

let client: MongoClient;
let db: Db;
beforeEach(() => {
  client = new MongoClient(inject("mongodbUri"));
  db = client.db(`lease_${randomUUID().slice(0, 8)}`);
});
afterEach(async () => {
  await db.dropDatabase();
  await client.close();
});

test("of many nodes that ask at once one gets the lease; its fence grows with each time that it is taken", async () => {
  const nodes = Array.from({ length: 12 }, (_, n) => new Leases(db, `n${n}`));
  // Two at once may both find nothing to update: the second then finds the key taken.
  const asked = await Promise.allSettled(nodes.map((node) => node.acquire("c")));
  const got = asked.flatMap((answer) => (answer.status === "fulfilled" && answer.value ? [answer.value] : []));
  expect(got).toHaveLength(1);
  const owner = nodes.find(({ node }) => node === got[0]!.node)!;
  const other = nodes.find(({ node }) => node !== got[0]!.node)!;
  expect(got[0]!.fence).toBe(1);
  expect(await other.acquire("c")).toBeNull();
  await other.release("c"); // not its own: nothing happens
  expect(await owner.renew(["c"])).toEqual(new Set(["c"]));
  await owner.release("c");
  expect(await owner.renew(["c"])).toEqual(new Set());
  expect(await other.acquire("c")).toMatchObject({ node: other.node, fence: 2 });
  expect((await owner.view()).owners).toEqual(new Map([["c", other.node]]));
});

test("a lease that is not renewed runs out by the database's clock, and its node counts as gone", async () => {
  const [a, b] = [new Leases(db, "a"), new Leases(db, "b")];
  await a.renew([]);
  await a.acquire("c");
  expect((await b.view()).nodes).toEqual(new Set(["a", "b"]));
  const startedAt = performance.now();
  await waitFor("the lease to run out", () => b.acquire("c"), { timeoutMs: 2 * LEASE_MS });
  expect(performance.now() - startedAt).toBeGreaterThan(LEASE_MS - 1_000);
  expect((await b.view()).nodes).toEqual(new Set(["b"]));
  expect(await a.renew(["c"])).toEqual(new Set());
});
