import type { Context, MiddlewareHandler } from "hono";
import { createMiddleware } from "hono/factory";
import { FailureLimit } from "./failure-limit.js";
import { type Identity, mayAct, type Role } from "./identity.js";
import { problemOf, sendProblem } from "./problem.js";

/** What every handler finds in its context. */
export interface ApiEnv {
  Variables: { identity: Identity };
}

/** Says who asks, from the host's own session, a token, or whatever it knows; null: nobody that it knows. */
export type Authorize = (request: Request) => Identity | null | Promise<Identity | null>;

/**
 * Whoever asks must be known. Wrong tries are limited by address; a right one always passes, since many may share an address (a proxy's), and
 * one of them must not be able to lock out the others.
 */
export function authenticate(authorize: Authorize): MiddlewareHandler<ApiEnv> {
  const limit = new FailureLimit();
  return createMiddleware<ApiEnv>(async (c, next) => {
    const identity = await authorize(c.req.raw);
    if (identity) {
      c.set("identity", identity);
      return next();
    }
    const address = addressOf(c);
    const wait = limit.waitSeconds(address);
    if (wait > 0)
      return sendProblem(c, problemOf(429, { detail: `Too many wrong tries; try again in ${wait} s` }), { "retry-after": String(wait) });
    // Asking without a token is no guess at one.
    if (c.req.header("authorization") !== undefined) limit.failed(address);
    return sendProblem(c, problemOf(401, { detail: "A valid token is needed", hint: "Send it as: Authorization: Bearer <token>" }), {
      "www-authenticate": "Bearer",
    });
  });
}

/** The role a route needs. */
export const needs = (role: Role): MiddlewareHandler<ApiEnv> =>
  createMiddleware<ApiEnv>(async (c, next) => {
    const identity = c.get("identity");
    if (!mayAct(identity, role))
      return sendProblem(c, problemOf(403, { detail: `This needs the role ${role}; ${identity.name} is ${identity.role}` }));
    await next();
  });

/** With @hono/node-server the connection is at hand; elsewhere all askers share one limit. */
function addressOf(c: Context): string {
  const { incoming } = (c.env ?? {}) as { incoming?: { socket?: { remoteAddress?: string } } };
  return incoming?.socket?.remoteAddress ?? "unknown";
}
