/**
 * A Hono app made from a manager.
 *
 *     const app = new Hono();
 *     app.route("/api", createApi(manager, { authorize: (request) => mySession(request) }));
 *     app.route("/", createHealth(manager));
 */
export type { AddressPolicy } from "./address-policy.js";
export { type Api, type ApiOptions, createApi } from "./api.js";
export type { Audit, AuditEntry } from "./audit.js";
export { readTokens } from "./bearer-tokens.js";
export { createClient } from "./client.js";
export type { Authorize } from "./guard.js";
export { createHealth, createMetrics } from "./health.js";
export { type Identity, ROLES, type Role } from "./identity.js";
export type { Problem } from "./problem.js";
export type { StartSample } from "./routes/session.js";
export { LOOPBACK_HOSTS } from "./same-site.js";
