import { describeError, isOplogError, type OplogErrorCode, redact } from "@oplog-collector/collector-core";
import { InvalidFields } from "@oplog-collector/manager";
import type { Context } from "hono";
import { HTTPException } from "hono/http-exception";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { z } from "zod";

/** RFC 9457: what every error of the API looks like. */
export const problemSchema = z.object({
  type: z.string(),
  title: z.string(),
  status: z.number().int(),
  detail: z.string().optional(),
  /** What to do about it. */
  hint: z.string().optional(),
  /** Which fields of the request can't be used; never their values. */
  errors: z.array(z.object({ field: z.string(), problem: z.string() })).optional(),
});
export type Problem = z.infer<typeof problemSchema>;

const STATUS: Partial<Record<OplogErrorCode, ContentfulStatusCode>> = {
  NOT_FOUND: 404,
  FORBIDDEN: 403,
  CONFLICT: 409,
  FENCED: 409,
  TARGET_NOT_EMPTY: 409,
  BAD_INPUT: 422,
  OUTSIDE_COVERAGE: 422,
  SOURCE_UNSUITABLE: 422,
  SOURCE_MISMATCH: 409,
  // Not ours, and not the asker's: the server behind us.
  UNREACHABLE: 502,
  STORE_FAILED: 502,
  DAMAGED: 502,
  HISTORY_LOST: 409,
};

const TITLES: Record<number, string> = {
  400: "The request can't be read",
  401: "Who are you?",
  403: "Not allowed",
  404: "Not found",
  409: "Not possible as things are",
  413: "The request is too large",
  422: "A field can't be used",
  429: "Too many tries",
  500: "A defect of ours",
  502: "A server behind this one did not do its part",
  503: "Not ready",
};

export function problemOf(status: ContentfulStatusCode, more: Partial<Problem> = {}): Problem {
  return { type: "about:blank", title: TITLES[status] ?? "Error", status, ...more };
}

/** Whatever of it was sent to us and is repeated may hold a secret: a URI in the wrong field. */
export const sendProblem = (c: Context, problem: Problem, headers: Record<string, string> = {}): Response =>
  c.body(JSON.stringify(problem, redacted), problem.status as ContentfulStatusCode, {
    "content-type": "application/problem+json",
    ...headers,
  });

const redacted = (_: string, value: unknown): unknown => (typeof value === "string" ? redact(value) : value);

/** An error as the answer it gets. Only what is meant for people leaves; secrets are taken out of that too. */
export function problemOfError(error: unknown): Problem {
  if (error instanceof HTTPException) return problemOf(error.status, { detail: error.message || undefined });
  const { message, hint } = describeError(error);
  if (error instanceof InvalidFields) return problemOf(422, { detail: message, errors: [...error.fields] });
  if (isOplogError(error)) return problemOf(STATUS[error.code] ?? 500, { detail: message, ...(hint && { hint }) });
  // The metadata database or a store is away: the driver's errors name themselves.
  if (/^Mongo/.test((error as Error)?.name ?? "")) return problemOf(502, { detail: message, ...(hint && { hint }) });
  return problemOf(500, { detail: "Something unexpected happened; the server's log says what." });
}
