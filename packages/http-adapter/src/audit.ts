import type { MiddlewareHandler } from "hono";
import { createMiddleware } from "hono/factory";
import type { ApiEnv } from "./guard.js";

/** One change that someone asked for. Holds no secret: the request's body is not in it. */
export interface AuditEntry {
  at: Date;
  who: string;
  role: string;
  method: string;
  /** The route's path with its parameters filled in. */
  path: string;
  status: number;
}

/** Where the audit log goes. A change is answered only after this has resolved, so that none is unlogged. */
export type Audit = (entry: AuditEntry) => void | Promise<void>;

/** Writes down each request that changes something, also the refused ones. */
export const auditChanges = (audit: Audit): MiddlewareHandler<ApiEnv> =>
  createMiddleware<ApiEnv>(async (c, next) => {
    await next();
    if (c.req.method === "GET" || c.req.method === "HEAD" || c.req.method === "OPTIONS") return;
    const identity = c.get("identity");
    await audit({
      at: new Date(),
      who: identity?.name ?? "unknown",
      role: identity?.role ?? "none",
      method: c.req.method,
      path: c.req.path,
      status: c.res.status,
    });
  });
