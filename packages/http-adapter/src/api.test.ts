import { MongoClient } from "mongodb";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { waitFor } from "../../../scripts/wait-for.mjs";
import { ApiForTest, authorize, TOKENS } from "./api-for-test.js";
import { createHealth } from "./health.js";

let api: ApiForTest;
beforeAll(async () => {
  api = await ApiForTest.open(inject("mongodbUri"));
  expect((await api.ask("admin", "POST", "/api/clusters", api.registration("mine"))).status).toBe(201);
  expect((await api.ask("admin", "POST", "/api/clusters", api.registration("idle", { autoStart: false }))).status).toBe(201);
});
afterAll(() => api[Symbol.asyncDispose]());

const json = async (response: Response) => (await response.json()) as Record<string, unknown>;

/** Every route, and the least role that may use it; a request that changes nothing lasting. */
const ROUTES: [method: string, path: string, least: "viewer" | "operator" | "admin", body?: unknown][] = [
  ["get", "/clusters", "viewer"],
  ["post", "/clusters", "admin", {}],
  ["get", "/clusters/{id}", "viewer"],
  ["patch", "/clusters/{id}", "admin", { nonsense: 1 }],
  ["delete", "/clusters/{id}", "admin"],
  ["post", "/clusters/{id}/start", "operator", { nonsense: 1 }],
  ["post", "/clusters/{id}/stop", "operator"],
  ["post", "/clusters/{id}/reset", "admin", { confirm: "wrong" }],
  ["get", "/clusters/{id}/coverage", "viewer"],
  ["get", "/clusters/{id}/events", "viewer"],
  ["get", "/clusters/{id}/stats", "viewer"],
  ["get", "/clusters/{id}/logs", "viewer"],
  ["get", "/clusters/{id}/moments", "viewer"],
  ["post", "/clusters/{id}/snapshots", "operator"],
  ["post", "/clusters/{id}/verify", "operator"],
  ["post", "/clusters/{id}/restores", "operator", {}],
  ["get", "/jobs", "viewer"],
  ["get", "/jobs/{id}", "viewer"],
  ["delete", "/jobs/{id}", "operator"],
  ["post", "/doctor", "admin", {}],
  ["post", "/rotate-key", "admin"],
  ["get", "/recent", "viewer"],
  ["get", "/session", "viewer"],
  ["post", "/sample", "admin"],
];

test("the list of routes below is the list that the API describes", async () => {
  const { paths } = (await json(await api.ask("viewer", "GET", "/api/openapi.json"))) as { paths: Record<string, Record<string, unknown>> };
  const described = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method} ${path.replace(/^\/api/, "")}`),
  );
  expect(described.sort()).toEqual(ROUTES.map(([method, path]) => `${method} ${path}`).sort());
});

const RANK = { viewer: 0, operator: 1, admin: 2 };
test.each(ROUTES)("%s %s needs %s, and a token", async (method, path, least, body) => {
  // A cluster and a job that do not exist: whoever is let in gets 404 or 422, and nothing is changed.
  const at = `/api${path.replace("{id}", "absent")}`;
  for (const role of ["viewer", "operator", "admin"] as const) {
    const { status } = await api.ask(role, method.toUpperCase(), at, body);
    if (RANK[role] < RANK[least]) expect([role, status]).toEqual([role, 403]);
    else expect([200, 404, 422]).toContain(status);
  }
  expect((await api.ask(null, method.toUpperCase(), at, body, { "x-test": "no token" })).status).toBe(401);
});

test.each(["/api/stream", "/api/metrics"])("%s needs a token", async (path) => {
  expect((await api.ask(null, "GET", path)).status).toBe(401);
});

test("who may see some clusters only does not learn of others", async () => {
  expect(((await (await api.ask("limited", "GET", "/api/clusters")).json()) as { name: string }[]).map(({ name }) => name)).toEqual([
    "mine",
  ]);
  for (const [method, path, , body] of ROUTES.filter(([, path]) => path.startsWith("/clusters/{id}"))) {
    const { status } = await api.ask("limited", method.toUpperCase(), `/api${path.replace("{id}", "idle")}`, body);
    expect([method, path, status === 404 || status === 422]).toEqual([method, path, true]);
  }
  expect(await json(await api.ask("viewer", "GET", "/api/clusters/idle"))).toMatchObject({ name: "idle", desired: "stopped" });
});

test("errors are problem documents that name the field and not its value", async () => {
  const bad = await api.ask("admin", "POST", "/api/clusters", {
    name: "a/b",
    connectionString: "mongodb://u:S3ntinel@h",
    storeUri: "ftp://x",
  });
  expect(bad.status).toBe(422);
  expect(bad.headers.get("content-type")).toBe("application/problem+json");
  const text = await bad.text();
  expect(text).toContain('"field":"name"');
  expect(text).not.toContain("S3ntinel");
  const taken = await api.ask("admin", "POST", "/api/clusters", api.registration("mine"));
  expect([taken.status, await json(taken)]).toMatchObject([409, { status: 409 }]);
  expect((await api.ask("admin", "POST", "/api/clusters", "{not json")).status).toBe(400);
  expect((await api.ask("viewer", "GET", "/api/nowhere")).headers.get("content-type")).toBe("application/problem+json");
  expect((await api.ask("admin", "POST", "/api/clusters", { name: "x".repeat(100_000) })).status).toBe(413);
});

test("a change changes what it names and nothing else, also of a collector that runs", async () => {
  const all = {
    ...{ database: "changed_db", capture: "change-stream", retention: { maxAgeHours: 48 }, snapshotEveryHours: 12 },
    ...{ rpoMs: 200, lagWarningMs: 60_000, maxRetries: 7 },
  };
  expect((await api.ask("admin", "POST", "/api/clusters", api.registration("changed", all))).status).toBe(201);
  const running = () =>
    waitFor("it to run", async () => {
      const view = await json(await api.ask("viewer", "GET", "/api/clusters/changed"));
      return view.state === "running" && view;
    });
  expect(await running()).toMatchObject(all);
  const changes = [
    {},
    { lagWarningMs: 5_000 },
    { rpoMs: 300 },
    { retention: { maxBytes: 1e9 } },
    { snapshotEveryHours: null },
    { maxRetries: 3 },
  ];
  let expected: Record<string, unknown> = all;
  for (const change of changes) {
    expected = { ...expected, ...change };
    const answer = await json(await api.ask("admin", "PATCH", "/api/clusters/changed", change));
    expect(answer).toMatchObject(expected);
    expect(answer.retention).toEqual(expected.retention);
  }
  expect(await running()).toMatchObject(expected);
  const impossible = await api.ask("admin", "PATCH", "/api/clusters/changed", { capture: "oplog" });
  expect([impossible.status, await impossible.text()]).toEqual([422, expect.stringContaining('"field":"capture"')]);
  expect(await running()).toMatchObject(expected);
  expect((await api.ask("admin", "DELETE", "/api/clusters/changed")).status).toBe(202);
});

test("starting what runs and stopping what is stopped is a conflict", async () => {
  await waitFor("mine to run", async () => (await json(await api.ask("viewer", "GET", "/api/clusters/mine"))).state === "running");
  expect((await api.ask("operator", "POST", "/api/clusters/mine/start")).status).toBe(409);
  expect((await api.ask("operator", "POST", "/api/clusters/idle/stop")).status).toBe(409);
});

test("what is written is seen as events, coverage and stats; wiping needs the cluster's name", async () => {
  await waitFor("mine to run", async () => (await json(await api.ask("viewer", "GET", "/api/clusters/mine"))).state === "running");
  const client = new MongoClient(api.uri);
  await client
    .db(api.registration("mine").database as string)
    .collection("orders")
    .insertMany([{ _id: 1 as never }, { _id: 2 as never }]);
  const page = await waitFor("two inserts", async () => {
    const found = await json(await api.ask("viewer", "GET", "/api/clusters/mine/events?op=insert"));
    return (found.rows as unknown[] | undefined)?.length === 2 && found;
  });
  expect(page).toMatchObject({ rows: [{ operation: "insert" }, { operation: "insert" }], cursor: null });
  expect(await json(await api.ask("viewer", "GET", "/api/clusters/mine/coverage"))).toMatchObject({ timelines: [{}], gaps: [] });
  expect((await (await api.ask("viewer", "GET", "/api/clusters/mine/stats")).json()) as unknown[]).not.toHaveLength(0);
  const both = (await json(await api.ask("viewer", "GET", "/api/clusters/mine/events"))).rows as { event: string }[];
  const newestFirst: { event: string }[] = [];
  for (let cursor: unknown = ""; cursor !== null; ) {
    const found = await json(
      await api.ask("viewer", "GET", `/api/clusters/mine/events?order=newest&limit=1${cursor && `&cursor=${cursor}`}`),
    );
    newestFirst.push(...(found.rows as { event: string }[]));
    cursor = found.cursor;
  }
  expect(newestFirst).toEqual([...both].reverse());
  await client
    .db(api.registration("mine").database as string)
    .collection("orders")
    .drop();
  const [dropped] = await waitFor("the drop among the unusual moments", async () => {
    const moments = (await (await api.ask("viewer", "GET", "/api/clusters/mine/moments")).json()) as Record<string, string>[];
    return moments.length > 0 ? moments : null;
  });
  const drop = (await json(await api.ask("viewer", "GET", "/api/clusters/mine/events?op=drop"))).rows as {
    position: { clusterTime: string };
  }[];
  const [seconds, ordinal] = drop[0]!.position.clusterTime.split(",").map(Number);
  expect(dropped).toMatchObject({ kind: "drop", namespace: expect.stringMatching(/orders$/), before: `${seconds},${ordinal! - 1}` });
  const snapshot = await json(await api.ask("operator", "POST", "/api/clusters/mine/snapshots"));
  await waitFor("the base snapshot", async () => {
    // A snapshot is complete once the log has got past it, which takes an idle source ten seconds.
    await client
      .db(api.registration("mine").database as string)
      .collection("later")
      .insertOne({});
    return (await json(await api.ask("viewer", "GET", `/api/jobs/${snapshot.id}`))).state === "done";
  });
  await client.close();
  expect(await json(await api.ask("viewer", "GET", "/api/clusters/mine/coverage"))).toMatchObject({
    snapshots: [{ restorableFrom: expect.stringMatching(/^\d+,\d+$/) }],
  });
  expect((await api.ask("admin", "POST", "/api/clusters/mine/reset", { confirm: "other" })).status).toBe(422);
  expect((await api.ask("admin", "POST", "/api/clusters/mine/reset", { confirm: "mine" })).status).toBe(202);
  await waitFor(
    "the log to be empty",
    async () => (await json(await api.ask("viewer", "GET", "/api/clusters/mine/coverage"))).events === 0,
  );
});

test("the stream says what is, then what changes; who reconnects gets what was missed", async () => {
  const first = await api.ask("viewer", "GET", "/api/stream");
  const reader = first.body!.getReader();
  let text = "";
  const read = async (until: (text: string) => boolean) => {
    while (!until(text)) {
      const { value, done } = await reader.read();
      if (done) throw new Error("the stream ended");
      text += new TextDecoder().decode(value);
    }
  };
  await read((sofar) => /"name":"idle"/.test(sofar) && /"name":"mine"/.test(sofar));
  // Only then does a page know that there are no others.
  await read((sofar) => sofar.includes("event: complete"));
  expect(text.indexOf("event: complete")).toBeGreaterThan(text.indexOf('"name":"mine"'));
  const lastId = [...text.matchAll(/^id: (.*)$/gm)].at(-1)![1]!;
  await api.ask("operator", "POST", "/api/clusters/idle/start");
  await read((sofar) => /"name":"idle".*"desired":"running"/.test(sofar));
  await reader.cancel();

  const again = await api.ask("viewer", "GET", "/api/stream", undefined, { "last-event-id": lastId });
  const second = again.body!.getReader();
  let missed = "";
  while (!/"name":"idle".*"desired":"running"/.test(missed)) missed += new TextDecoder().decode((await second.read()).value);
  await second.cancel();
});

test("readiness and metrics tell the truth", async () => {
  await waitFor("all to be healthy", async () => (await api.ask(null, "GET", "/readyz")).status === 200);
  const read = async () => (await api.ask("viewer", "GET", "/api/metrics")).text();
  // The collectors look at their sources in the first moments of their running.
  await waitFor("what is carried", async () => (await read()).includes('oplog_capture_complete{cluster="mine"} 1'));
  const metrics = await read();
  expect(metrics).toMatch(/oplog_up\{cluster="mine"\} 1/);
  expect(metrics).toMatch(/oplog_lag_seconds\{cluster="mine"\} \d/);
});

test.each<[string, Record<string, string>, Partial<Parameters<typeof ApiForTest.open>[1]>, keyof typeof TOKENS]>([
  ["a page of another site", { origin: "https://evil.example" }, {}, "admin"],
  ["a foreign name for this machine", { host: "evil.example" }, { hosts: ["127.0.0.1", "localhost"] }, "admin"],
])("refuses %s", async (_, headers, options, role) => {
  await using other = await ApiForTest.open(inject("mongodbUri"), options);
  expect((await other.ask(role, "GET", "/api/clusters", undefined, headers)).status).toBe(403);
  expect((await other.ask(role, "GET", "/api/clusters", undefined, { host: "localhost" })).status).toBe(200);
});

test("keeps to the hosts and folders that are allowed, and tells an audit log of each change", async () => {
  const audited: unknown[] = [];
  await using other = await ApiForTest.open(inject("mongodbUri"), {
    addresses: { hosts: ["127.0.0.1"], folders: ["/nowhere"] },
    audit: (entry) => void audited.push(entry),
  });
  const refused = await other.ask("admin", "POST", "/api/clusters", other.registration("c"));
  expect([refused.status, (await json(refused)).detail]).toEqual([422, expect.stringContaining("store")]);
  const foreign = await other.ask(
    "admin",
    "POST",
    "/api/clusters",
    other.registration("c", { connectionString: "mongodb://10.0.0.1:27017" }),
  );
  expect([foreign.status, (await json(foreign)).detail]).toEqual([422, expect.stringContaining("10.0.0.1")]);
  // The bucket stands where the host does, and the endpoint is where it would connect to.
  const storeUri = "s3://127.0.0.1/logs?endpoint=http://169.254.169.254";
  const hidden = await other.ask("admin", "POST", "/api/clusters", other.registration("c", { storeUri }));
  expect([hidden.status, (await json(hidden)).detail]).toEqual([422, expect.stringContaining("169.254.169.254")]);
  expect(audited).toMatchObject([
    { who: "anna", role: "admin", method: "POST", path: "/api/clusters", status: 422 },
    { who: "anna", status: 422 },
    { who: "anna", status: 422 },
  ]);
});

test("too many wrong tokens from one address are slowed down", async () => {
  await using other = await ApiForTest.open(inject("mongodbUri"));
  const wrong = () => other.app.request("/api/clusters", { headers: { authorization: "Bearer wrong-wrong-wrong-wrong" } });
  for (let attempt = 0; attempt < 10; attempt++) expect((await wrong()).status).toBe(401);
  const limited = await wrong();
  expect(limited.status).toBe(429);
  expect(Number(limited.headers.get("retry-after"))).toBeGreaterThan(0);
});

test("who may see some clusters only: no figures, jobs or names of others, and none to make", async () => {
  await waitFor("the figures", async () => (await (await api.ask("viewer", "GET", "/api/metrics")).text()).includes('cluster="idle"'));
  const metrics = await (await api.ask("limited", "GET", "/api/metrics")).text();
  expect(metrics).toContain('cluster="mine"');
  expect(metrics).not.toContain("idle");
  const { id } = await json(await api.ask("operator", "POST", "/api/clusters/idle/verify"));
  for (const method of ["GET", "DELETE"]) expect((await api.ask("limited", method, `/api/jobs/${id}`)).status).toBe(404);
  expect(await (await api.ask("limited", "GET", "/api/jobs")).text()).not.toContain("idle");
  expect((await api.ask("limited", "GET", "/api/jobs?cluster=idle")).status).toBe(404);
  // Only under the name that it is for: which is taken here.
  expect((await api.ask("limited", "POST", "/api/clusters", api.registration("mine"))).status).toBe(409);
  for (const name of ["idle", "new"]) expect((await api.ask("limited", "POST", "/api/clusters", api.registration(name))).status).toBe(403);
  expect((await api.ask("limited", "POST", "/api/rotate-key")).status).toBe(403);
  const stream = (await api.ask("limited", "GET", "/api/stream")).body!.getReader();
  let text = "";
  while (!text.includes("event: complete")) text += new TextDecoder().decode((await stream.read()).value);
  await stream.cancel();
  expect(text).toContain('"name":"mine"');
  expect(text).not.toContain("idle");
});

test("why it is not ready is told only to who may see all clusters, where tokens are needed", async () => {
  const reasons = ["shop: error (db.example.com does not answer)"];
  const health = createHealth({ ready: async () => ({ ready: false, reasons }) }, { authorize });
  const asked = async (token?: string) =>
    (await json(await health.request("/readyz", { headers: token ? { authorization: `Bearer ${token}` } : {} }))).reasons as string[];
  expect(await asked(TOKENS.viewer)).toEqual(reasons);
  for (const token of [undefined, TOKENS.limited]) expect((await asked(token)).join()).not.toContain("shop");
});
