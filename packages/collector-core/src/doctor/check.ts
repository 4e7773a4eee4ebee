import type { CaptureReport } from "../capture-report/capture-report.js";
import { describeError } from "../describe-error.js";

/** What one check found. */
export interface DoctorCheck {
  /** What was looked at, in a few words that stay the same. */
  check: string;
  /** `warning`: a collector works, but not as well as it could, or not for long. */
  ok: true | false | "warning";
  detail: string;
  /** What to do about it. */
  hint?: string;
  /** Of the check "everything is carried": all that was found. */
  report?: CaptureReport;
}

export const passed = (check: string, detail: string): DoctorCheck => ({ check, ok: true, detail });

export const warned = (check: string, detail: string, hint?: string): DoctorCheck => ({
  check,
  ok: "warning",
  detail,
  ...(hint && { hint }),
});

/** Without passwords: the error is described as everywhere. */
export function failed(check: string, error: unknown): DoctorCheck {
  const { message, hint } = describeError(error);
  return { check, ok: false, detail: message, ...(hint && { hint }) };
}
