import type { Cluster, DoctorCheck, RegistrationInput } from "../api/answers.js";

const HOUR_MS = 3_600_000;
const GB = 1e9;

/** The form's fields as they are typed. */
export type FormValues = Record<
  | "name"
  | "connectionString"
  | "storeUri"
  | "database"
  | "capture"
  | "startFrom"
  | "maxAgeHours"
  | "maxGigabytes"
  | "snapshotEveryHours"
  | "rpoMs"
  | "lagWarningMinutes",
  string
> & { autoStart: boolean };

export const EMPTY_VALUES: FormValues = {
  name: "",
  connectionString: "",
  storeUri: "",
  database: "",
  capture: "auto",
  startFrom: "now",
  maxAgeHours: "",
  maxGigabytes: "",
  snapshotEveryHours: "24",
  rpoMs: "1000",
  lagWarningMinutes: "10",
  autoStart: true,
};

const text = (value: number | null | undefined): string => (value === null || value === undefined ? "" : String(value));

/** What a form of a registered cluster begins with. URIs stay empty: they may hold secrets and never come back from the server. */
export const valuesOf = (cluster: Cluster): FormValues => ({
  ...EMPTY_VALUES,
  name: cluster.name,
  database: cluster.database ?? "",
  capture: cluster.capture,
  maxAgeHours: text(cluster.retention.maxAgeHours),
  maxGigabytes: text(cluster.retention.maxBytes && cluster.retention.maxBytes / GB),
  snapshotEveryHours: text(cluster.snapshotEveryHours),
  rpoMs: text(cluster.rpoMs),
  lagWarningMinutes: text((cluster.lagWarningMs / HOUR_MS) * 60),
});

/** What the API calls a field is called otherwise in the form. */
export const FIELD_NAMES: Record<string, keyof FormValues> = {
  "retention.maxAgeHours": "maxAgeHours",
  "retention.maxBytes": "maxGigabytes",
  lagWarningMs: "lagWarningMinutes",
};

const amount = (typed: string): number | undefined => (typed.trim() === "" ? undefined : Number(typed));

/** Everything but the addresses, as the API takes it. */
function settingsOf(values: FormValues) {
  const [maxAgeHours, maxGigabytes] = [amount(values.maxAgeHours), amount(values.maxGigabytes)];
  const rpoMs = amount(values.rpoMs);
  const lagMinutes = amount(values.lagWarningMinutes);
  return {
    database: values.database.trim() || null,
    capture: values.capture as NonNullable<RegistrationInput["capture"]>,
    retention: {
      ...(maxAgeHours !== undefined && { maxAgeHours }),
      ...(maxGigabytes !== undefined && { maxBytes: Math.round(maxGigabytes * GB) }),
    },
    snapshotEveryHours: amount(values.snapshotEveryHours) ?? null,
    ...(rpoMs !== undefined && { rpoMs }),
    ...(lagMinutes !== undefined && { lagWarningMs: Math.round(lagMinutes * 60_000) }),
  };
}

export const registrationOf = (values: FormValues): RegistrationInput => ({
  name: values.name.trim(),
  connectionString: values.connectionString.trim(),
  storeUri: values.storeUri.trim(),
  startFrom: values.startFrom.trim() || "now",
  autoStart: values.autoStart,
  ...settingsOf(values),
});

/** An address that is left empty stays as it is. */
export function changeOf(values: FormValues): Record<string, unknown> {
  const [connectionString, storeUri] = [values.connectionString.trim(), values.storeUri.trim()];
  return { ...settingsOf(values), ...(connectionString && { connectionString }), ...(storeUri && { storeUri }) };
}

/** What can be seen to be wrong before anything is asked. */
export function problemsOf(values: FormValues, isNew: boolean): Partial<Record<keyof FormValues, string>> {
  const problems: Partial<Record<keyof FormValues, string>> = {};
  if (isNew) {
    if (!values.name.trim()) problems.name = "A name is needed: it is what the log and its files are called.";
    if (!values.connectionString.trim()) problems.connectionString = "The source's address is needed.";
    if (!values.storeUri.trim()) problems.storeUri = "A store is needed: that is where the log goes.";
  }
  for (const name of ["maxAgeHours", "maxGigabytes", "snapshotEveryHours", "rpoMs", "lagWarningMinutes"] as const) {
    const given = amount(values[name]);
    if (given !== undefined && !(given > 0)) problems[name] = "A number above 0.";
  }
  return problems;
}

/** What the connection test found wrong, beside the address that it is wrong with: the first of each, since what comes after follows from it. */
export function problemsOfChecks(checks: readonly DoctorCheck[]): Partial<Record<keyof FormValues, string>> {
  const problems: Partial<Record<keyof FormValues, string>> = {};
  for (const { check, ok, detail, hint } of checks) {
    if (ok !== false) continue;
    const field = check.startsWith("store") ? "storeUri" : "connectionString";
    problems[field] ??= [detail, hint].filter(Boolean).join(". ");
  }
  return problems;
}
