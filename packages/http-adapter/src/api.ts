import { OpenAPIHono } from "@hono/zod-openapi";
import { describeError } from "@oplog-collector/collector-core";
import type { ManagerApi } from "@oplog-collector/manager";
import { bodyLimit } from "hono/body-limit";
import type { AddressPolicy } from "./address-policy.js";
import { type Audit, auditChanges } from "./audit.js";
import { EventFeed } from "./event-feed.js";
import { type ApiEnv, type Authorize, authenticate } from "./guard.js";
import { metricsRoutes } from "./health.js";
import { problemOf, problemOfError, sendProblem } from "./problem.js";
import { clusterRoutes } from "./routes/clusters.js";
import { jobRoutes } from "./routes/jobs.js";
import { logRoutes } from "./routes/log.js";
import { type StartSample, sessionRoutes } from "./routes/session.js";
import { streamRoutes } from "./routes/stream.js";
import { type SiteOptions, sameSite } from "./same-site.js";

export interface ApiOptions extends SiteOptions {
  /** Who may ask: the host app's own session, or `readTokens(…)`. There is no default: an API without one would be open. */
  authorize: Authorize;
  /** Where sources, stores and restore targets may be. @default anywhere */
  addresses?: AddressPolicy;
  /** Gets each change that was asked for. @default nowhere */
  audit?: Audit;
  /** Starts a sample cluster to try things with. @default there is none */
  startSample?: StartSample;
  /** Gets errors that are defects, for the log. @default nowhere */
  onError?: (error: ReturnType<typeof describeError>) => void;
}

/** A registration with long URIs and many filters stays far below. */
const MAX_BODY_BYTES = 64 * 1024;

/**
 * The HTTP API of a manager, as a Hono app to mount under any path:
 *
 *     app.route("/api", createApi(manager, { authorize: (request) => mySession(request) }));
 */
export function createApi(manager: ManagerApi, { authorize, addresses = {}, audit, startSample, onError, ...site }: ApiOptions) {
  const api = new OpenAPIHono<ApiEnv>();
  api.onError((error, c) => {
    const problem = problemOfError(error);
    if (problem.status === 500) onError?.(describeError(error));
    return sendProblem(c, problem);
  });
  api.use(sameSite(site));
  if (audit) api.use(auditChanges(audit));
  api.use(authenticate(authorize));
  api.use(
    bodyLimit({ maxSize: MAX_BODY_BYTES, onError: (c) => sendProblem(c, problemOf(413, { detail: `At most ${MAX_BODY_BYTES} bytes` })) }),
  );
  // Answers hold states of the moment, and sometimes data.
  api.use(async (c, next) => {
    await next();
    c.header("cache-control", "no-store");
    c.header("x-content-type-options", "nosniff");
  });
  const context = { manager, addresses };
  const routes = api
    .route("/", clusterRoutes(context))
    .route("/", logRoutes(context))
    .route("/", jobRoutes(context))
    .route("/", sessionRoutes(startSample))
    .route("/", streamRoutes(manager, new EventFeed(manager)));
  routes.route("/", metricsRoutes(manager));
  routes.doc31("/openapi.json", (c) => ({
    openapi: "3.1.0",
    info: {
      title: "Oplog Collector",
      version: "1",
      description: "Clusters, their collectors, and what their logs hold. Errors are RFC 9457 problem documents.",
    },
    // Where the host app has put us.
    servers: [{ url: c.req.path.replace(/\/openapi\.json$/, "") || "/" }],
  }));
  // Also when mounted, where a host app's own answer would come otherwise.
  routes.all("*", (c) => sendProblem(c, problemOf(404, { detail: "There is no such route", hint: "openapi.json lists them." })));
  return routes;
}

/** For the typed client. */
export type Api = ReturnType<typeof createApi>;
