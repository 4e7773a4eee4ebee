import type { ManagerApi } from "@oplog-collector/manager";
import { Hono } from "hono";
import { type ApiEnv, type Authorize, needs } from "./guard.js";
import { maySee } from "./identity.js";
import { Metrics, type MetricsSource } from "./metrics.js";

export interface HealthOptions {
  /** Who asks, as for the API: the reasons name clusters and hosts, and only who may see all of them gets them. @default everybody does */
  authorize?: Authorize;
}

/** `/livez` (the process answers) and `/readyz` (every collector that should run is healthy, else why not). Answered without authorization. */
export const createHealth = (manager: Pick<ManagerApi, "ready">, { authorize }: HealthOptions = {}): Hono =>
  new Hono()
    .get("/livez", (c) => c.json({ alive: true }))
    .get("/readyz", async (c) => {
      const { ready, reasons } = await manager.ready().catch(() => ({ ready: false, reasons: ["the metadata database does not answer"] }));
      const identity = authorize && (await authorize(c.req.raw));
      const mayKnow = !authorize || (identity && identity.clusters === undefined);
      const told = mayKnow || ready ? reasons : [`${reasons.length} of them; ask with a token to see which`];
      return c.json({ ready, reasons: told }, ready ? 200 : 503);
    });

/** `/metrics` for Prometheus, of all clusters: for scrapers that can't be given a token. `createApi` has the same at its own `/metrics`, with one. */
export const createMetrics = (manager: MetricsSource): Hono => {
  const metrics = new Metrics(manager);
  return new Hono().get("/metrics", async (c) => {
    const { contentType, body } = await metrics.text(() => true);
    return c.body(body, 200, { "content-type": contentType });
  });
};

/** The same for who asks: of the clusters that they may see. */
export const metricsRoutes = (manager: MetricsSource): Hono<ApiEnv> => {
  const metrics = new Metrics(manager);
  return new Hono<ApiEnv>().get("/metrics", needs("viewer"), async (c) => {
    const { contentType, body } = await metrics.text((cluster) => maySee(c.get("identity"), cluster));
    return c.body(body, 200, { "content-type": contentType });
  });
};
