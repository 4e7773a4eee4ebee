import { createRoute, z } from "@hono/zod-openapi";
import { formatClusterTime, type Gap, printPosition, type Timeline } from "@oplog-collector/collector-core";
import type { LogCoverage } from "@oplog-collector/manager";
import { coverageSchema, eventPageSchema, momentsSchema, statsSchema } from "../cluster-schema.js";
import { needs } from "../guard.js";
import { clusterParam, json, problems, type RouteContext, routeApp, visibleCluster } from "./route.js";

const tags = ["log"];
const time = z.string().max(20_000).optional();

/** A page that a browser can show at once. */
const MAX_PAGE = 1_000;
const MAX_LOG_LINES = 5_000;

const coverage = createRoute({
  method: "get",
  path: "/clusters/{id}/coverage",
  tags,
  middleware: needs("viewer"),
  request: { params: clusterParam },
  responses: { 200: json(coverageSchema, "What can be restored"), ...problems },
});

const events = createRoute({
  method: "get",
  path: "/clusters/{id}/events",
  tags,
  middleware: needs("viewer"),
  request: {
    params: clusterParam,
    query: z.object({
      from: time,
      to: time,
      ns: z.string().max(300).optional(),
      op: z.string().max(100).optional(),
      id: z.string().max(20_000).optional(),
      limit: z.coerce.number().int().min(1).max(MAX_PAGE).default(100),
      order: z.enum(["oldest", "newest"]).default("oldest"),
      cursor: z.string().max(20_000).optional(),
    }),
  },
  responses: { 200: json(eventPageSchema, "A page of events, each as the server sent it"), ...problems },
});

const stats = createRoute({
  method: "get",
  path: "/clusters/{id}/stats",
  tags,
  middleware: needs("viewer"),
  request: {
    params: clusterParam,
    query: z.object({ from: time, to: time, buckets: z.coerce.number().int().min(1).max(500).default(60) }),
  },
  responses: { 200: json(statsSchema, "Events by time, namespace and operation"), ...problems },
});

const moments = createRoute({
  method: "get",
  path: "/clusters/{id}/moments",
  tags,
  middleware: needs("viewer"),
  request: { params: clusterParam },
  responses: { 200: json(momentsSchema, "Drops, mass deletes and spikes, the newest last"), ...problems },
});

const logs = createRoute({
  method: "get",
  path: "/clusters/{id}/logs",
  tags,
  middleware: needs("viewer"),
  request: { params: clusterParam, query: z.object({ lines: z.coerce.number().int().min(1).max(MAX_LOG_LINES).default(200) }) },
  responses: { 200: json(z.object({ lines: z.array(z.string()) }), "The end of the collector's log file"), ...problems },
});

const range = ({ from, to }: Timeline | Gap) => ({ from: printPosition(from), to: printPosition(to) });

const shownSnapshot = ({ takenFrom, restorableFrom, completedAt, source: _, ...snapshot }: LogCoverage["snapshots"][number]) => ({
  ...snapshot,
  takenFrom: formatClusterTime(takenFrom),
  restorableFrom: formatClusterTime(restorableFrom),
  completedAt: completedAt.toISOString(),
});

/** What a cluster's log holds. */
export const logRoutes = ({ manager }: RouteContext) =>
  routeApp()
    .openapi(coverage, async (c) => {
      const { id } = await visibleCluster(manager, c.get("identity"), c.req.valid("param").id);
      const { timelines, gaps, snapshots, events, bytes, storedBytes } = await manager.coverage(id);
      const shownGaps = gaps.map((gap) => ({ ...range(gap), cause: gap.cause, detectedAt: gap.detectedAt.toISOString() }));
      return c.json(
        {
          timelines: timelines.map(range),
          gaps: shownGaps,
          snapshots: snapshots.map(shownSnapshot),
          events,
          bytes,
          storedBytes,
        },
        200,
      );
    })
    .openapi(events, async (c) => {
      const { id } = await visibleCluster(manager, c.get("identity"), c.req.valid("param").id);
      const { id: documentId, order, ...filter } = c.req.valid("query");
      return c.json(
        await manager.events(id, { ...filter, newestFirst: order === "newest", ...(documentId !== undefined && { id: documentId }) }),
        200,
      );
    })
    .openapi(stats, async (c) => {
      const { id } = await visibleCluster(manager, c.get("identity"), c.req.valid("param").id);
      return c.json(await manager.stats(id, c.req.valid("query")), 200);
    })
    .openapi(moments, async (c) => {
      const { id } = await visibleCluster(manager, c.get("identity"), c.req.valid("param").id);
      return c.json(await manager.moments(id), 200);
    })
    .openapi(logs, async (c) => {
      const { id } = await visibleCluster(manager, c.get("identity"), c.req.valid("param").id);
      return c.json({ lines: await manager.logs(id, c.req.valid("query").lines) }, 200);
    });
