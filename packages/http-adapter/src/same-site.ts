import type { MiddlewareHandler } from "hono";
import { createMiddleware } from "hono/factory";
import { problemOf, sendProblem } from "./problem.js";

export interface SiteOptions {
  /**
   * The names under which this API may be asked for (`Host` without its port). Set it to the loopback names when listening there: a page on the
   * web can otherwise point a name of its own at 127.0.0.1 and read the answers. @default any
   */
  hosts?: readonly string[];
  /** Origins of pages on other sites that may call this API. @default none */
  origins?: readonly string[];
}

export const LOOPBACK_HOSTS: readonly string[] = ["127.0.0.1", "localhost", "[::1]"];

const hostName = (host: string): string => host.toLowerCase().replace(/:\d+$/, "");

/** Refuses what a foreign page makes a browser send. */
export const sameSite = ({ hosts, origins = [] }: SiteOptions): MiddlewareHandler =>
  createMiddleware(async (c, next) => {
    const host = c.req.header("host") ?? new URL(c.req.url).host;
    if (hosts && !hosts.includes(hostName(host)))
      return sendProblem(
        c,
        problemOf(403, {
          detail: "This server is not asked for under that name",
          hint: "Use 127.0.0.1 or localhost, or add the name to the allowed hosts.",
        }),
      );
    const origin = c.req.header("origin");
    if (origin !== undefined && !isOwn(origin, host)) {
      if (!origins.includes(origin)) return sendProblem(c, problemOf(403, { detail: "Pages of other sites may not call this API" }));
      c.header("access-control-allow-origin", origin);
      c.header("vary", "origin");
      if (c.req.method === "OPTIONS")
        return c.body(null, 204, {
          "access-control-allow-methods": "GET, POST, PATCH, DELETE",
          "access-control-allow-headers": "authorization, content-type, last-event-id",
          "access-control-max-age": "600",
        });
    }
    await next();
  });

function isOwn(origin: string, host: string): boolean {
  try {
    return new URL(origin).host === host;
  } catch {
    return false; // `null`, as sandboxed pages send it
  }
}
