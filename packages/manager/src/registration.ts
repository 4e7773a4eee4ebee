import { checkCapturedDatabase, checkLogName, OplogError, parseStartPoint, resolveUri } from "@oplog-collector/collector-core";
import { z } from "zod";

/** How long history is kept; whichever limit is reached first. */
export interface Retention {
  maxAgeHours?: number;
  maxBytes?: number;
}

/** What is to be captured, and where to, with nothing left open. */
export interface Registration {
  name: string;
  connectionString: string;
  storeUri: string;
  /** The only one that is captured; null: all. */
  database: string | null;
  capture: "auto" | "change-stream" | "oplog";
  /** `now`, `oldest`, or a time. */
  startFrom: string;
  retention: Retention;
  /** Hours between base snapshots; null: only by hand. */
  snapshotEveryHours: number | null;
  /** The recovery point objective: a segment is sealed at this age. */
  rpoMs: number;
  /** Lag above this is a warning. */
  lagWarningMs: number;
  /** Tries in a row without success before it gives up; null: it waits as long as there is history to lose. */
  maxRetries: number | null;
  autoStart: boolean;
}

type Needed = "name" | "connectionString" | "storeUri";

/** What a user has to say of a cluster, and may. */
export type RegistrationInput = Pick<Registration, Needed> & Partial<Omit<Registration, Needed>>;

/** The name is what the stored log is called, so it stays. */
export type RegistrationChange = Partial<Omit<Registration, "name" | "autoStart" | "startFrom">>;

const uri = z.string().min(1).max(4096);

const retentionSchema = z
  .object({
    maxAgeHours: z.number().positive().optional(),
    maxBytes: z.number().int().positive().optional(),
  })
  .strict();

/**
 * The types above stand for themselves, and the schemas below must agree with them: whoever embeds an element gets the types and not the library that
 * checks them. These may be changed later; they have no defaults here, so that a change leaves as it is what it does not mention.
 */
const settings = z.object({
  connectionString: uri,
  storeUri: uri,
  database: z.string().min(1).max(63).nullable(),
  capture: z.enum(["auto", "change-stream", "oplog"]),
  retention: retentionSchema,
  snapshotEveryHours: z.number().positive().nullable(),
  rpoMs: z.number().int().min(50).max(600_000),
  lagWarningMs: z.number().int().positive(),
  maxRetries: z.number().int().min(0).nullable(),
});

export const registrationChangeSchema = settings.partial().strict() satisfies z.ZodType<RegistrationChange, RegistrationChange>;

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
    startFrom: z.string().default("now"),
    retention: retentionSchema.default({}),
    snapshotEveryHours: settings.shape.snapshotEveryHours.default(null),
    rpoMs: settings.shape.rpoMs.default(1_000),
    lagWarningMs: settings.shape.lagWarningMs.default(600_000),
    maxRetries: settings.shape.maxRetries.default(null),
    autoStart: z.boolean().default(true),
  })
  .strict() satisfies z.ZodType<Registration, RegistrationInput>;

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
  checkScope(registration);
  return registration;
}

/** Throws `BAD_INPUT` for settings of which each is good, but not together. */
export function checkScope({ capture, database }: Pick<Registration, "capture" | "database">): void {
  if (capture === "oplog" && database !== null)
    throw new InvalidFields([
      {
        field: "capture",
        problem: "The raw oplog can only be captured whole, not for one database: use change-stream or auto, or leave out database",
      },
    ]);
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
