import { type CaptureFinding, type CaptureReport, namedFinding } from "../capture-report/capture-report.js";
import { type DoctorCheck, passed, warned } from "./check.js";

/** Whether everything is carried, with all that was found, and then what is not, one check for each. */
export function checkCarried(report: CaptureReport, chosenByUs: boolean): DoctorCheck[] {
  const { capture, complete, findings, cut } = report;
  const check = "everything is carried";
  const by = `by the ${capture === "oplog" ? "raw oplog" : "change stream"}${chosenByUs ? ", which auto chooses here" : ""}`;
  const unseen = cut === null ? "" : `; not looked at: ${cut}`;
  const uncarried = findings.filter(({ missing }) => missing);
  const listed = findings.filter(({ count, carried }) => count !== null && carried !== "not").map(namedFinding);
  const first = complete
    ? passed(check, `${by}${listed.length > 0 ? `: also ${listed.join(", ")}` : ""}${unseen}`)
    : warned(check, `${by}, not: ${uncarried.map(({ what }) => what).join(", ")}${unseen}`);
  return [{ ...first, report }, ...uncarried.map(checkOf)];
}

const checkOf = (finding: CaptureFinding): DoctorCheck =>
  warned(`carried: ${finding.what}`, `${finding.carried}: ${namedFinding(finding)}. ${finding.why}`, finding.whatToDo ?? undefined);
