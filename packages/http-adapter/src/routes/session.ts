import { createRoute } from "@hono/zod-openapi";
import { OplogError } from "@oplog-collector/collector-core";
import type { ClusterView } from "@oplog-collector/manager";
import { clusterSchema, sessionSchema } from "../cluster-schema.js";
import { needs } from "../guard.js";
import { json, problems, routeApp } from "./route.js";

/** Starts a deployment to try things with and registers it, or finds the one that runs already. */
export type StartSample = () => Promise<ClusterView>;

const session = createRoute({
  method: "get",
  path: "/session",
  tags: ["session"],
  middleware: needs("viewer"),
  responses: { 200: json(sessionSchema, "Who asks, and what this server offers"), ...problems },
});

const sample = createRoute({
  method: "post",
  path: "/sample",
  tags: ["session"],
  middleware: needs("admin"),
  responses: { 201: json(clusterSchema, "A sample cluster with a small workload is registered and runs"), ...problems },
});

/** What a page needs to know before it offers anything. */
export const sessionRoutes = (startSample: StartSample | undefined) =>
  routeApp()
    .openapi(session, async (c) => {
      const { name, role } = c.get("identity");
      return c.json({ name, role, sample: startSample !== undefined }, 200);
    })
    .openapi(sample, async (c) => {
      if (!startSample) throw new OplogError("NOT_FOUND", "This server offers no sample cluster");
      return c.json(await startSample(), 201);
    });
