import { checkCapturedDatabase, checkLogName, OplogError, parseStartPoint, resolveUri } from "@oplog-collector/collector-core";
import { z } from "zod";

const uri = z.string().min(1).max(4096);

/** How long history is kept; whichever limit is reached first. */
export const retentionSchema = z
  .object({
    maxAgeHours: z.number().positive().optional(),
    maxBytes: z.number().int().positive().optional(),
  })
  .strict();

/** What may be changed later, without defaults: what a change does not mention stays as it is. The name is what the stored log is called, so it stays. */
const settings = z.object({
  connectionString: uri,
  storeUri: uri,
  database: z.string().min(1).max(63).nullable(),
  capture: z.enum(["auto", "change-stream", "oplog"]),
  retention: retentionSchema,
  /** Hours between base snapshots; null: only by hand. */
  snapshotEveryHours: z.number().positive().nullable(),
  /** The recovery point objective: a segment is sealed at this age. */
  rpoMs: z.number().int().min(50).max(600_000),
  /** Lag above this is a warning. */
  lagWarningMs: z.number().int().positive(),
  /** Tries in a row without success before it gives up; null: it waits as long as there is history to lose. */
  maxRetries: z.number().int().min(0).nullable(),
});

export const registrationChangeSchema = settings.partial().strict();

/** What a user may say of a cluster. */
export const registrationSchema = settings
  .extend({
    name: z.string().superRefine((name, context) => {
      try {
        checkLogName(name);
      } catch (error) {
        context.addIssue({ code: "custom", message: error instanceof OplogError ? `${error.message}. ${error.hint}` : String(error) });
      }
    }),
    database: settings.shape.database.default(null),
    capture: settings.shape.capture.default("auto"),
    /** `now`, `oldest`, or a time. */
    startFrom: z.string().default("now"),
    retention: retentionSchema.default({}),
    snapshotEveryHours: settings.shape.snapshotEveryHours.default(null),
    rpoMs: settings.shape.rpoMs.default(1_000),
    lagWarningMs: settings.shape.lagWarningMs.default(600_000),
    maxRetries: settings.shape.maxRetries.default(null),
    autoStart: z.boolean().default(true),
  })
  .strict();

export type RegistrationInput = z.input<typeof registrationSchema>;
export type Registration = z.output<typeof registrationSchema>;
export type RegistrationChange = z.input<typeof registrationChangeSchema>;
export type Retention = z.output<typeof retentionSchema>;

/** One field that can't be used, and why. */
export interface FieldProblem {
  field: string;
  problem: string;
}

/** Reads what a user gave; throws `BAD_INPUT` that names each bad field. */
export function readRegistration(given: unknown): Registration {
  const registration = read(registrationSchema, given);
  tryField("startFrom", () => parseStartPoint(registration.startFrom));
  tryField("database", () => registration.database !== null && checkCapturedDatabase(registration.database));
  checkUris(registration);
  return registration;
}

export function readRegistrationChange(given: unknown): Partial<Registration> {
  const change = read(registrationChangeSchema, given);
  checkUris(change);
  tryField("database", () => change.database != null && checkCapturedDatabase(change.database));
  return change;
}

function checkUris({ connectionString, storeUri }: Partial<Registration>): void {
  if (connectionString !== undefined)
    tryField("connectionString", () => {
      if (!/^mongodb(\+srv)?:\/\//.test(resolveUri(connectionString)))
        throw new OplogError("BAD_INPUT", "It is not a MongoDB URI", { hint: "Begin it with mongodb:// or mongodb+srv://." });
    });
  if (storeUri !== undefined)
    tryField("storeUri", () => {
      if (!/^(mongodb(\+srv)?|file|s3):/.test(resolveUri(storeUri)))
        throw new OplogError("BAD_INPUT", "It is not the URI of a store", {
          hint: "Use mongodb://…, file:///directory or s3://bucket/prefix.",
        });
    });
}

function tryField(field: string, check: () => unknown): void {
  try {
    check();
  } catch (error) {
    const problem = error instanceof OplogError ? [error.message, error.hint].filter(Boolean).join(". ") : String(error);
    throw new InvalidFields([{ field, problem }]);
  }
}

function read<T>(schema: z.ZodType<T>, given: unknown): T {
  const result = schema.safeParse(given);
  if (result.success) return result.data;
  throw new InvalidFields(result.error.issues.map((issue) => ({ field: issue.path.join(".") || "(body)", problem: issue.message })));
}

/** Which fields are wrong. Never holds their values: they may be secrets. */
export class InvalidFields extends OplogError {
  constructor(readonly fields: readonly FieldProblem[]) {
    super("BAD_INPUT", fields.map(({ field, problem }) => `${field}: ${problem}`).join("; "));
  }
}
