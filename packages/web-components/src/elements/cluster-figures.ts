import { html, nothing, type TemplateResult } from "lit";
import type { Cluster } from "../api/answers.js";
import { SHORT_HEADROOM_MS } from "../format/state-words.js";
import { formatDuration } from "../format/times.js";
import { icon } from "../icons.js";

/** Shorter lags are all the same to a person: the log is up to date. */
export const CALM_LAG_MS = 1_000;

const lagWords = (lagMs: number): string => (lagMs < CALM_LAG_MS ? "< 1 s" : formatDuration(lagMs));

/** The lag; above the cluster's threshold with a warning in words. */
export function lagFigure({ lagMs, lagWarning }: Pick<Cluster, "lagMs" | "lagWarning">): TemplateResult {
  if (lagMs === null) return html`<span class="muted">–</span>`;
  if (!lagWarning) return html`<span>${lagWords(lagMs)}</span>`;
  return html`<span class="figure-warning">${icon("warning")}<span>${lagWords(lagMs)}<span class="visually-hidden">, above the threshold</span></span></span>`;
}

/** How long until the source's oplog has rolled over what is not captured yet. */
export function headroomFigure({ headroomMs, headroomUnknown }: Pick<Cluster, "headroomMs" | "headroomUnknown">): TemplateResult {
  if (headroomMs === null) return html`<span class="muted" title=${headroomUnknown ?? nothing}>–</span>`;
  const words = `safe for ${formatDuration(headroomMs)}`;
  return headroomMs < SHORT_HEADROOM_MS
    ? html`<span class="figure-warning">${icon("warning")}<span>${words}</span></span>`
    : html`<span>${words}</span>`;
}
