import { z } from "@hono/zod-openapi";
import { ROLES } from "./identity.js";

const time = z.string().openapi({ description: "ISO-8601 time" });
const position = z
  .object({ clusterTime: z.string().openapi({ description: "t,i" }), wallTime: time, token: z.string().nullable() })
  .openapi("Position");

const error = z.object({ code: z.string(), message: z.string(), hint: z.string().optional(), attempt: z.number().optional() });

/** What holds of a cluster's log, read now and then. */
const logSummary = z.looseObject({
  firstEventAt: time.nullable(),
  lastEventAt: time.nullable(),
  gaps: z.number(),
  snapshots: z.number(),
  segments: z.number(),
  events: z.number(),
  bytes: z.number(),
  storedBytes: z.number(),
});

/** What of all that a source holds is in its log. */
const captureReport = z
  .looseObject({
    at: time.openapi({ description: "when it was looked at" }),
    capture: z.enum(["change-stream", "oplog"]),
    because: z.string().nullable().openapi({ description: "why it is captured so; null: it was asked for, or the log began so" }),
    complete: z.boolean().openapi({ description: "everything is carried that a log of this source is for" }),
    findings: z
      .array(
        z.looseObject({
          kind: z.string().openapi({ description: "stays the same, for programs: time-series, users-and-roles, atomic-apply-ops …" }),
          what: z.string(),
          namespaces: z.array(z.string()).openapi({ description: "the first of them" }),
          count: z.number().nullable().openapi({ description: "how many in all; null: it may be any" }),
          carried: z.enum(["exactly", "by the oplog", "in base snapshots only", "not"]),
          missing: z.boolean().openapi({ description: "a restore lacks it, or would" }),
          why: z.string().nullable(),
          whatToDo: z.string().nullable(),
        }),
      )
      .openapi({ description: "what is not carried comes first" }),
    cut: z.string().nullable().openapi({ description: "what was not looked at, and why; null: all was" }),
  })
  .openapi("CaptureReport");

/** A cluster as the API shows it: no secret in it. */
export const clusterSchema = z
  .looseObject({
    id: z.string(),
    name: z.string(),
    connectionString: z.string().openapi({ description: "without user and password" }),
    storeUri: z.string(),
    database: z.string().nullable(),
    desired: z.enum(["running", "stopped"]),
    state: z.string(),
    pid: z.number().nullable(),
    node: z.string().nullable(),
    firstEventAt: time.nullable(),
    lastEventAt: time.nullable(),
    coveredTo: z.string().nullable(),
    lagMs: z.number().nullable(),
    lagWarning: z.boolean(),
    headroomMs: z.number().nullable(),
    headroomUnknown: z.string().nullable(),
    eventsPerSecond: z.number().nullable(),
    bytesPerSecond: z.number().nullable(),
    storedBytes: z.number().nullable(),
    notes: z.array(z.string()),
    captureReport: captureReport.nullable(),
    error: error.nullable(),
    log: logSummary.nullable(),
  })
  .openapi("Cluster");

export const coverageSchema = z
  .object({
    timelines: z.array(z.object({ from: position, to: position })),
    gaps: z.array(z.object({ from: position, to: position, cause: z.string(), detectedAt: time })),
    snapshots: z.array(z.looseObject({ id: z.string() })),
    events: z.number(),
    bytes: z.number(),
    storedBytes: z.number(),
  })
  .openapi("Coverage");

export const eventPageSchema = z
  .object({
    rows: z.array(z.object({ position, format: z.string(), operation: z.string(), namespace: z.string(), event: z.string() })),
    cursor: z.string().nullable().openapi({ description: "give it back for the next page; null: there is none" }),
  })
  .openapi("EventPage");

export const statsSchema = z
  .array(z.object({ at: time, namespace: z.string(), operation: z.string(), events: z.number() }))
  .openapi("Stats");

export const momentsSchema = z
  .array(
    z.object({
      kind: z.enum(["drop", "mass-delete", "spike"]),
      at: time,
      before: z.string().openapi({ description: "t,i: a restore to here leaves it out" }),
      namespace: z.string().nullable(),
      operation: z.string().nullable(),
      events: z.number(),
    }),
  )
  .openapi("Moments");

export const jobSchema = z
  .looseObject({
    id: z.string(),
    kind: z.enum(["snapshot", "verify", "restore"]),
    cluster: z.string(),
    clusterName: z.string(),
    state: z.enum(["running", "done", "failed", "cancelled"]),
    progress: z.looseObject({}),
    error: error.nullable(),
    startedAt: time,
    endedAt: time.nullable(),
  })
  .openapi("Job");

export const recentSchema = z
  .array(
    z.object({
      cluster: z.string(),
      at: z.array(z.number()).openapi({ description: "milliseconds since 1970" }),
      eventsPerSecond: z.array(z.number().nullable()),
      lagMs: z.array(z.number().nullable()),
    }),
  )
  .openapi("Recent");

export const sessionSchema = z
  .object({
    name: z.string(),
    role: z.enum(ROLES),
    sample: z.boolean().openapi({ description: "POST /sample starts a sample cluster" }),
  })
  .openapi("Session");
