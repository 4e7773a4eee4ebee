import { createRoute, type RouteConfigToTypedResponse, z } from "@hono/zod-openapi";
import { OplogError } from "@oplog-collector/collector-core";
import { registrationChangeSchema, registrationSchema } from "@oplog-collector/manager";
import { checkAddress } from "../address-policy.js";
import { clusterJson } from "../cluster-json.js";
import { clusterSchema, recentSchema } from "../cluster-schema.js";
import { needs } from "../guard.js";
import { maySee } from "../identity.js";
import { checkConfirmed, clusterParam, json, jsonBody, problems, type RouteContext, routeApp, visibleCluster } from "./route.js";

const tags = ["clusters"];

const list = createRoute({
  method: "get",
  path: "/clusters",
  tags,
  middleware: needs("viewer"),
  responses: { 200: json(z.array(clusterSchema), "All clusters"), ...problems },
});

const register = createRoute({
  method: "post",
  path: "/clusters",
  tags,
  middleware: needs("admin"),
  request: { body: jsonBody(registrationSchema) },
  responses: { 201: json(clusterSchema, "Registered"), ...problems },
});

const show = createRoute({
  method: "get",
  path: "/clusters/{id}",
  tags,
  middleware: needs("viewer"),
  request: { params: clusterParam },
  responses: { 200: json(clusterSchema, "The cluster"), ...problems },
});

const change = createRoute({
  method: "patch",
  path: "/clusters/{id}",
  tags,
  middleware: needs("admin"),
  request: { params: clusterParam, body: jsonBody(registrationChangeSchema) },
  responses: { 200: json(clusterSchema, "Changed"), ...problems },
});

const remove = createRoute({
  method: "delete",
  path: "/clusters/{id}",
  tags,
  middleware: needs("admin"),
  request: { params: clusterParam, query: z.object({ keepData: z.enum(["true", "false"]).default("false") }) },
  responses: { 202: { description: "It is stopped, its data wiped unless kept, and the registration deleted" }, ...problems },
});

const start = createRoute({
  method: "post",
  path: "/clusters/{id}/start",
  tags,
  middleware: needs("operator"),
  request: {
    params: clusterParam,
    body: { content: { "application/json": { schema: z.object({ acceptGap: z.boolean().optional() }).strict() } } },
  },
  responses: { 202: json(clusterSchema, "It is being started"), ...problems },
});

const stop = createRoute({
  method: "post",
  path: "/clusters/{id}/stop",
  tags,
  middleware: needs("operator"),
  request: { params: clusterParam },
  responses: { 202: json(clusterSchema, "It is being stopped"), ...problems },
});

const reset = createRoute({
  method: "post",
  path: "/clusters/{id}/reset",
  tags,
  middleware: needs("admin"),
  request: { params: clusterParam, body: jsonBody(z.object({ confirm: z.string() }).strict()) },
  responses: { 202: json(clusterSchema, "Its data and token are being wiped; it starts from now"), ...problems },
});

const recent = createRoute({
  method: "get",
  path: "/recent",
  tags,
  middleware: needs("viewer"),
  responses: { 200: json(recentSchema, "Rates and lags of the last minutes, by cluster, as far as this server has watched"), ...problems },
});

const rotateKey = createRoute({
  method: "post",
  path: "/rotate-key",
  tags,
  middleware: needs("admin"),
  responses: {
    200: json(
      z.object({ rotated: z.number(), locked: z.array(z.string()).openapi({ description: "names of those that none of the keys opens" }) }),
      "What was encrypted with an older key is encrypted with the newest",
    ),
    ...problems,
  },
});

const doctor = createRoute({
  method: "post",
  path: "/doctor",
  tags,
  middleware: needs("admin"),
  request: {
    body: jsonBody(
      registrationSchema
        .pick({ connectionString: true, storeUri: true, database: true, capture: true })
        .partial({ storeUri: true, database: true, capture: true }),
    ),
  },
  responses: { 200: json(z.array(z.looseObject({ check: z.string() })), "What was checked, and what to do"), ...problems },
});

/** Registration and the collectors' lives. */
export const clusterRoutes = ({ manager, addresses }: RouteContext) =>
  routeApp()
    .openapi(list, async (c) => {
      const visible = (await manager.list()).filter((cluster) => maySee(c.get("identity"), cluster));
      // What `c.json` would make of them, of parts that are there already.
      const answer = c.body(`[${visible.map(clusterJson).join(",")}]`, 200, { "content-type": "application/json" });
      return answer as unknown as RouteConfigToTypedResponse<typeof list>;
    })
    .openapi(register, async (c) => {
      const registration = c.req.valid("json");
      // Whoever may see some clusters only can't make others, nor learn from a conflict that there is one.
      if (!maySee(c.get("identity"), { id: "", name: registration.name }))
        throw new OplogError("FORBIDDEN", "Your token is for some clusters only, and this is none of them");
      checkAddress(addresses, registration.connectionString, "source");
      checkAddress(addresses, registration.storeUri, "store");
      return c.json(await manager.register(registration), 201);
    })
    .openapi(show, async (c) => c.json(await visibleCluster(manager, c.get("identity"), c.req.valid("param").id), 200))
    .openapi(change, async (c) => {
      const changes = c.req.valid("json");
      if (changes.connectionString !== undefined) checkAddress(addresses, changes.connectionString, "source");
      if (changes.storeUri !== undefined) checkAddress(addresses, changes.storeUri, "store");
      const { id } = await visibleCluster(manager, c.get("identity"), c.req.valid("param").id);
      return c.json(await manager.change(id, changes), 200);
    })
    .openapi(remove, async (c) => {
      const { id } = await visibleCluster(manager, c.get("identity"), c.req.valid("param").id);
      await manager.remove(id, { keepData: c.req.valid("query").keepData === "true" });
      return c.body(null, 202);
    })
    .openapi(start, async (c) => {
      const { id } = await visibleCluster(manager, c.get("identity"), c.req.valid("param").id);
      return c.json(await manager.start(id, c.req.valid("json") ?? {}), 202);
    })
    .openapi(stop, async (c) => {
      const { id } = await visibleCluster(manager, c.get("identity"), c.req.valid("param").id);
      return c.json(await manager.stop(id), 202);
    })
    .openapi(reset, async (c) => {
      const cluster = await visibleCluster(manager, c.get("identity"), c.req.valid("param").id);
      checkConfirmed(cluster, c.req.valid("json").confirm);
      return c.json(await manager.reset(cluster.id), 202);
    })
    .openapi(recent, async (c) => {
      const visible = new Set((await manager.list()).filter((cluster) => maySee(c.get("identity"), cluster)).map(({ id }) => id));
      return c.json(
        (await manager.recent()).filter(({ cluster }) => visible.has(cluster)),
        200,
      );
    })
    .openapi(rotateKey, async (c) => {
      if (c.get("identity").clusters !== undefined) throw new OplogError("FORBIDDEN", "Your token is for some clusters only");
      return c.json(await manager.rotateKey(), 200);
    })
    .openapi(doctor, async (c) => {
      const asked = c.req.valid("json");
      checkAddress(addresses, asked.connectionString, "source");
      if (asked.storeUri !== undefined) checkAddress(addresses, asked.storeUri, "store");
      return c.json(
        (await manager.doctor(asked)).map((check) => ({ ...check })),
        200,
      );
    });
