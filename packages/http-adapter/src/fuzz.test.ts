import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { MongoClient } from "mongodb";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startReplicaSet } from "../../../scripts/replica-set.mjs";
import { waitFor } from "../../../scripts/wait-for.mjs";
import { ApiForTest, TOKENS } from "./api-for-test.js";

/** Of each operation. */
const REQUESTS = 40;

interface Schema {
  $ref?: string;
  type?: string | string[];
  enum?: unknown[];
  const?: unknown;
  anyOf?: Schema[];
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  minimum?: number;
  maximum?: number;
}

interface Operation {
  parameters?: { name: string; in: "path" | "query"; required?: boolean; schema: Schema }[];
  requestBody?: { content: { "application/json": { schema: Schema } } };
  responses: Record<string, unknown>;
}

const password = `sentinel${randomBytes(8).toString("hex")}`;
let set: Awaited<ReturnType<typeof startReplicaSet>>;
let api: ApiForTest;
let description: { servers: { url: string }[]; paths: Record<string, Record<string, Operation>> };
let job: string;

beforeAll(async () => {
  set = await startReplicaSet({ name: "fuzzed", auth: { username: "root", password } });
  api = await ApiForTest.open(set.uri);
  for (const name of ["mine", "idle"])
    await api.ask("admin", "POST", "/api/clusters", api.registration(name, { autoStart: name === "mine" }));
  await waitFor(
    "mine to run",
    async () => ((await (await api.ask("viewer", "GET", "/api/clusters/mine")).json()) as { state: string }).state === "running",
  );
  const database = api.registration("mine").database as string;
  await using client = new MongoClient(set.uri);
  await client
    .db(database)
    .collection("orders")
    .insertMany([{ n: 1 }, { n: 2 }]);
  job = ((await (await api.ask("operator", "POST", "/api/clusters/mine/verify")).json()) as { id: string }).id;
  description = (await (await api.ask("viewer", "GET", "/api/openapi.json")).json()) as typeof description;
}, 120_000);
afterAll(async () => {
  await api?.[Symbol.asyncDispose]();
  await set?.stop();
});

/** What people, programs and attackers put into a field. */
const nasty = fc.oneof(
  fc.string({ maxLength: 40 }),
  fc.string({ unit: "binary", maxLength: 20 }),
  fc.constantFrom(
    "",
    "now",
    "oldest",
    "1,1",
    "2026-11-22T14:05:24Z",
    "$where",
    "__proto__",
    "../../etc/passwd",
    "%00",
    "a".repeat(5_000),
    "0.0",
  ),
  // Reachable or not, with a secret in it; the short wait keeps the run short.
  fc.constantFrom(
    `mongodb://root:${password}@127.0.0.1:1/?serverSelectionTimeoutMS=50&connectTimeoutMS=50`,
    `mongodb://root:${password}@@bad host/`,
    "file:///nowhere",
    "FILE:%zz",
    `s3://k:${password}@bucket/p?endpoint=nonsense`,
    `http://u:${password}@127.0.0.1/`,
    "env:NOT_THERE",
    "file-ref:/nowhere",
  ),
);

/** Values that the schema describes, with others mixed in. */
function mixedIn(schema: Schema): fc.Arbitrary<unknown> {
  return fc.oneof(
    { weight: 6, arbitrary: fitting(schema) },
    { weight: 1, arbitrary: nasty },
    { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 2 }) },
  );
}

function fitting(schema: Schema): fc.Arbitrary<unknown> {
  if (schema.anyOf) return fc.oneof(...schema.anyOf.map(mixedIn));
  if (schema.enum) return fc.constantFrom(...schema.enum);
  if (schema.const !== undefined) return fc.constant(schema.const);
  const types = [schema.type ?? "string"].flat();
  return fc.oneof(...types.map((type) => ofType(type, schema)));
}

function ofType(
  type: string,
  { properties = {}, required = [], items = {}, minimum = -10, maximum = 1_000 }: Schema,
): fc.Arbitrary<unknown> {
  switch (type) {
    case "null":
      return fc.constant(null);
    case "boolean":
      return fc.boolean();
    case "integer":
    case "number":
      return fc.oneof(fc.integer({ min: Math.ceil(Math.max(minimum, -1e6)), max: Math.floor(Math.min(maximum, 1e6)) }), fc.double());
    case "array":
      return fc.array(mixedIn(items), { maxLength: 4 });
    case "object": {
      const fields = Object.fromEntries(Object.entries(properties).map(([name, field]) => [name, mixedIn(field)]));
      return fc.record(
        fields,
        fc.sample(fc.boolean(), 1)[0] ? {} : { requiredKeys: required.filter((name) => Object.hasOwn(fields, name)) },
      );
    }
    default:
      return nasty;
  }
}

/** What is never confirmed by chance: a cluster stays, whatever is asked. */
const clusterOf = (method: string, path: string) =>
  method === "delete" && path.endsWith("{id}") ? ["absent"] : ["mine", "idle", "absent"];

test("whatever is sent: no defect, no secret, and nothing that the description does not name", async () => {
  const base = description.servers[0]!.url;
  expect(base).toBe("/api");
  const statuses = new Map<string, number>();
  for (const [path, methods] of Object.entries(description.paths))
    for (const [method, operation] of Object.entries(methods)) {
      const ids = path.includes("/jobs/") ? [job, "absent"] : clusterOf(method, path);
      const query = (operation.parameters ?? []).filter((parameter) => parameter.in === "query");
      const schema = operation.requestBody?.content["application/json"].schema;
      const request = fc.record({
        as: fc.constantFrom(null, ...(Object.keys(TOKENS) as (keyof typeof TOKENS)[])),
        id: fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...ids) }, nasty),
        query: fc.record(Object.fromEntries(query.map((parameter) => [parameter.name, mixedIn(parameter.schema)])), { requiredKeys: [] }),
        body: schema ? fc.oneof({ weight: 8, arbitrary: mixedIn(schema) }, fc.constant("{not json")) : fc.constant(undefined),
      });
      await fc.assert(
        fc.asyncProperty(request, async ({ as, id, query: asked, body }) => {
          const search = new URLSearchParams();
          for (const [name, value] of Object.entries(asked)) search.set(name, typeof value === "string" ? value : JSON.stringify(value));
          const at = base + path.replace("{id}", encodeURIComponent(Buffer.from(id).toString()) || "x");
          const response = await api.ask(as, method.toUpperCase(), `${at}?${search}`, body);
          const text = await response.text();
          statuses.set(`${response.status}`, (statuses.get(`${response.status}`) ?? 0) + 1);
          expect(response.status, text).not.toBe(500);
          // An id may hold what makes it another path: then there is no such route.
          if (response.status !== 404) expect(Object.keys(operation.responses), text).toContain(`${response.status}`);
          const type = response.headers.get("content-type") ?? "";
          if (response.status >= 400) {
            expect(type).toBe("application/problem+json");
            expect(JSON.parse(text)).toMatchObject({ status: response.status, title: expect.any(String) });
          } else if (text !== "") expect(type).toContain("application/json");
          // What was sent in a path or as a name may come back; the password of a cluster's URI may not.
          if (!`${at}${search}`.includes(password))
            expect(text.includes(password), `${method} ${path} shows the password: ${text}`).toBe(false);
        }),
        { numRuns: REQUESTS, timeout: 20_000 },
      );
    }
  for (const status of ["200", "202", "401", "403", "404", "422"]) expect([status, statuses.get(status) ?? 0]).not.toEqual([status, 0]);
}, 180_000);

test("the password is in no answer about clusters, jobs and figures, whoever asks", async () => {
  for (const path of [
    "/api/clusters",
    "/api/clusters/mine",
    "/api/jobs",
    "/api/metrics",
    "/api/openapi.json",
    "/api/clusters/mine/coverage",
    "/readyz",
  ])
    for (const as of [null, ...(Object.keys(TOKENS) as (keyof typeof TOKENS)[])]) {
      const text = await (await api.ask(as, "GET", path)).text();
      expect(text.includes(password), path).toBe(false);
    }
});
