import type { ManagerApi } from "@oplog-collector/manager";
import { Hono } from "hono";
import { Metrics } from "./metrics.js";

/** `/livez` (the process answers) and `/readyz` (every collector that should run is healthy, else why not). Without authorization, and without names or addresses. */
export const createHealth = (manager: Pick<ManagerApi, "ready">): Hono =>
  new Hono()
    .get("/livez", (c) => c.json({ alive: true }))
    .get("/readyz", async (c) => {
      const { ready, reasons } = await manager.ready().catch(() => ({ ready: false, reasons: ["the metadata database does not answer"] }));
      return c.json({ ready, reasons }, ready ? 200 : 503);
    });

/** `/metrics` for Prometheus. Cluster names are in it: put it behind what guards the API where that matters. */
export const createMetrics = (manager: Pick<ManagerApi, "list" | "stats" | "jobs" | "ready">): Hono => {
  const metrics = new Metrics(manager);
  return new Hono().get("/metrics", async (c) => {
    const { contentType, body } = await metrics.text();
    return c.body(body, 200, { "content-type": contentType });
  });
};
