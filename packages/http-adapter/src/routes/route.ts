import { OpenAPIHono, type RouteConfig, z } from "@hono/zod-openapi";
import { OplogError } from "@oplog-collector/collector-core";
import type { ManagerApi } from "@oplog-collector/manager";
import type { AddressPolicy } from "../address-policy.js";
import type { ApiEnv } from "../guard.js";
import { type Identity, maySee } from "../identity.js";
import { problemOf, problemSchema, sendProblem } from "../problem.js";

/** What the routes are made from. */
export interface RouteContext {
  manager: ManagerApi;
  addresses: AddressPolicy;
}

/** A part of the API. What does not fit its schema is answered with the names of the bad fields, without their values. */
export const routeApp = () =>
  new OpenAPIHono<ApiEnv>({
    defaultHook: (result, c) => {
      if (result.success) return undefined;
      const errors = result.error.issues.map((issue) => ({ field: issue.path.join(".") || "(request)", problem: issue.message }));
      return sendProblem(c, problemOf(422, { detail: errors.map(({ field, problem }) => `${field}: ${problem}`).join("; "), errors }));
    },
  });

export const clusterParam = z.object({
  id: z
    .string()
    .min(1)
    .max(200)
    .openapi({ param: { name: "id", in: "path" }, description: "a cluster's id or name" }),
});

const problem = (description: string) => ({ description, content: { "application/problem+json": { schema: problemSchema } } });

/** Every route may answer with these. */
export const problems = {
  400: problem("The request can't be read"),
  401: problem("No valid token"),
  403: problem("The role, or the page's origin, is not enough"),
  404: problem("No such cluster or job, as far as the asker may know"),
  409: problem("It is so already, or not possible as things are"),
  422: problem("A field can't be used"),
  413: problem("The body is too large"),
  429: problem("Too many wrong tokens from this address"),
  502: problem("The metadata database, a source, a store or a target did not do its part"),
} satisfies RouteConfig["responses"];

export const json = <S extends z.ZodType>(schema: S, description: string) => ({ description, content: { "application/json": { schema } } });

export const jsonBody = <S extends z.ZodType>(schema: S) => ({ required: true, content: { "application/json": { schema } } });

/** The cluster, if the asker may know of it; else it does not exist. */
export async function visibleCluster(manager: ManagerApi, identity: Identity, id: string) {
  const cluster = await manager.get(id);
  if (!maySee(identity, cluster)) throw new OplogError("NOT_FOUND", `There is no cluster ${JSON.stringify(id.slice(0, 100))}`);
  return cluster;
}

/** Wiping and restoring can't be undone: the asker types the cluster's name. */
export function checkConfirmed(cluster: { name: string }, confirm: string | undefined): void {
  if (confirm !== cluster.name)
    throw new OplogError("BAD_INPUT", "confirm: this can't be undone, so the cluster's name is needed to confirm it", {
      hint: 'Send {"confirm": "<the cluster\'s name>"}.',
    });
}
