import { createRoute, z } from "@hono/zod-openapi";
import { OplogError } from "@oplog-collector/collector-core";
import type { Job } from "@oplog-collector/manager";
import { checkAddress } from "../address-policy.js";
import { jobSchema } from "../cluster-schema.js";
import { needs } from "../guard.js";
import { type Identity, mayAct } from "../identity.js";
import { checkConfirmed, clusterParam, json, jsonBody, problems, type RouteContext, routeApp, visibleCluster } from "./route.js";

const tags = ["jobs"];

const snapshot = createRoute({
  method: "post",
  path: "/clusters/{id}/snapshots",
  tags,
  middleware: needs("operator"),
  request: { params: clusterParam },
  responses: { 202: json(jobSchema, "The base snapshot is being taken"), ...problems },
});

const verify = createRoute({
  method: "post",
  path: "/clusters/{id}/verify",
  tags,
  middleware: needs("operator"),
  request: { params: clusterParam },
  responses: { 202: json(jobSchema, "The log is being checked"), ...problems },
});

const globs = z.array(z.string().min(1).max(300)).max(1_000).optional();
const restoreSchema = z
  .object({
    to: z.string().max(20_000),
    target: z.string().min(1).max(4096),
    ns: globs,
    excludeNs: globs,
    rename: globs,
    lanes: z.number().int().min(1).max(64).optional(),
    force: z.boolean().optional(),
    resume: z.boolean().optional(),
    /** The cluster's name, to confirm; a plan needs none. */
    confirm: z.string().optional(),
  })
  .strict();

const restore = createRoute({
  method: "post",
  path: "/clusters/{id}/restores",
  tags,
  middleware: needs("operator"),
  request: { params: clusterParam, query: z.object({ dryRun: z.enum(["true", "false"]).default("false") }), body: jsonBody(restoreSchema) },
  responses: { 200: json(z.looseObject({}), "The plan (dryRun)"), 202: json(jobSchema, "The restore runs"), ...problems },
});

const jobParam = z.object({
  id: z
    .string()
    .min(1)
    .max(100)
    .openapi({ param: { name: "id", in: "path" } }),
});
const list = createRoute({
  method: "get",
  path: "/jobs",
  tags,
  middleware: needs("viewer"),
  request: { query: z.object({ cluster: z.string().max(200).optional() }) },
  responses: { 200: json(z.array(jobSchema), "The newest jobs first"), ...problems },
});
const show = createRoute({
  method: "get",
  path: "/jobs/{id}",
  tags,
  middleware: needs("viewer"),
  request: { params: jobParam },
  responses: { 200: json(jobSchema, "Progress and result"), ...problems },
});
const cancel = createRoute({
  method: "delete",
  path: "/jobs/{id}",
  tags,
  middleware: needs("operator"),
  request: { params: jobParam },
  responses: { 202: json(jobSchema, "It is being cancelled"), ...problems },
});

/** A job as JSON: times as text. */
const shown = ({ startedAt, endedAt, ...job }: Job) => ({
  ...job,
  startedAt: startedAt.toISOString(),
  endedAt: endedAt?.toISOString() ?? null,
});

/** Work that outlasts a request. */
export const jobRoutes = ({ manager, addresses }: RouteContext) => {
  const visibleJob = async (identity: Identity, id: string): Promise<Job> => {
    const job = await manager.job(id);
    const { cluster, clusterName } = job;
    const sees = identity.clusters === undefined || identity.clusters.includes(cluster) || identity.clusters.includes(clusterName);
    if (!sees) throw new OplogError("NOT_FOUND", `There is no job ${JSON.stringify(id)}`);
    return job;
  };
  return routeApp()
    .openapi(snapshot, async (c) => {
      const { id } = await visibleCluster(manager, c.get("identity"), c.req.valid("param").id);
      return c.json(shown(await manager.snapshot(id)), 202);
    })
    .openapi(verify, async (c) => {
      const { id } = await visibleCluster(manager, c.get("identity"), c.req.valid("param").id);
      return c.json(shown(await manager.verify(id)), 202);
    })
    .openapi(restore, async (c) => {
      const identity = c.get("identity");
      const cluster = await visibleCluster(manager, identity, c.req.valid("param").id);
      const { confirm, ...request } = c.req.valid("json");
      checkAddress(addresses, request.target, "target");
      if (c.req.valid("query").dryRun === "true") return c.json(Object(await manager.plan(cluster.id, request)), 200);
      if (!mayAct(identity, "admin"))
        throw new OplogError("FORBIDDEN", "A restore needs the role admin; a plan (dryRun=true) the role operator");
      checkConfirmed(cluster, confirm);
      return c.json(shown(await manager.restore(cluster.id, request)), 202);
    })
    .openapi(list, async (c) => {
      const identity = c.get("identity");
      const { cluster } = c.req.valid("query");
      const id = cluster === undefined ? undefined : (await visibleCluster(manager, identity, cluster)).id;
      const jobs = (await manager.jobs(id)).filter(
        (job) => identity.clusters === undefined || identity.clusters.some((one) => one === job.cluster || one === job.clusterName),
      );
      return c.json(jobs.map(shown), 200);
    })
    .openapi(show, async (c) => c.json(shown(await visibleJob(c.get("identity"), c.req.valid("param").id)), 200))
    .openapi(cancel, async (c) => {
      const job = await visibleJob(c.get("identity"), c.req.valid("param").id);
      return c.json(shown(await manager.cancelJob(job.id)), 202);
    });
};
