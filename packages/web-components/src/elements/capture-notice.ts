import { css, html, nothing, type TemplateResult } from "lit";
import type { CaptureFinding, CaptureReport } from "../api/answers.js";
import { counted } from "../format/amounts.js";
import { formatUtc } from "../format/times.js";
import { icon } from "../icons.js";

/** What of the source is not in the log: a line, and on demand what, why and what to do. Nothing when nothing is missing. */
export function captureNotice(report: CaptureReport | null): TemplateResult | typeof nothing {
  if (!report || report.complete) return nothing;
  const missing = report.findings.filter((finding) => finding.missing);
  return html`<section class="notice warn" aria-label="What is not in the log">
    ${icon("warning")}
    <details>
      <summary><strong>Not in the log:</strong> ${missing.map(({ what }) => what).join(", ")}</summary>
      <ul class="findings">${missing.map(findingItem)}</ul>
      <p class="muted small">Looked at ${formatUtc(report.at)} UTC, in the source.${report.cut ? ` Not looked at: ${report.cut}.` : nothing}</p>
    </details>
  </section>`;
}

/** What the log has of things that not every way of capture carries. */
export function carriedWords({ complete, findings, cut }: CaptureReport): string {
  const also = findings.filter(({ missing, carried, count }) => !missing && carried !== "not" && count !== null).map(({ what }) => what);
  const rest = complete ? "all that a log of this source is for" : "all but what is named above";
  return [rest, ...also.map((what) => `also ${what}`), ...(cut ? [`not looked at: ${cut}`] : [])].join(", ");
}

const findingItem = ({ what, carried, namespaces, count, why, whatToDo }: CaptureFinding): TemplateResult => html`<li>
  <strong>${what}</strong>${carried === "not" ? nothing : html` <span>(${carried})</span>`}
  ${namespaces.length > 0 ? html`<div class="mono">${namespaces.join(", ")}${more(count, namespaces)}</div>` : nothing}
  <div>${why}</div>
  ${whatToDo ? html`<div>${whatToDo}</div>` : nothing}
</li>`;

function more(count: number | null, namespaces: readonly string[]): string {
  const left = (count ?? 0) - namespaces.length;
  return left > 0 ? ` and ${counted(left, "other")}` : "";
}

export const captureNoticeStyles = css`
  .findings {
    display: grid;
    gap: 12px;
    margin-block: 12px 8px;
  }
`;
