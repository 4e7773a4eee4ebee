import { html, nothing, type TemplateResult } from "lit";
import type { Job } from "../api/answers.js";
import { counted, formatRate } from "../format/amounts.js";
import { formatDuration, formatUtc } from "../format/times.js";

interface Report {
  collections: number;
  documents: number;
  durationMs: number;
  notes: string[];
  apply: {
    events: number;
    eventsPerSecond: number;
    skipped: { why: string; events: number }[];
    lastApplied: { clusterTime: string; wallTime: string } | null;
    firstNotApplied: { clusterTime: string; wallTime: string } | null;
    notes: string[];
  } | null;
}

const at = (position: { clusterTime: string; wallTime: string } | null): TemplateResult =>
  position
    ? html`${formatUtc(position.wallTime, { milliseconds: true })} UTC <span class="muted mono">${position.clusterTime}</span>`
    : html`none`;

/** What a restore did. */
export function reportView({ result }: Pick<Job, "result">): TemplateResult {
  const { collections, documents, durationMs, notes, apply } = result as Report;
  return html`<dl class="plan">
      <div><dt>Loaded</dt><dd>${counted(documents, "document")} in ${counted(collections, "collection")}</dd></div>
      <div><dt>Took</dt><dd>${formatDuration(durationMs)}</dd></div>
      ${
        apply
          ? html`<div><dt>Applied</dt><dd>${counted(apply.events, "event")}, ${formatRate(apply.eventsPerSecond)} a second</dd></div>
              <div><dt>Last event applied</dt><dd>${at(apply.lastApplied)}</dd></div>
              <div><dt>First event not applied</dt><dd>${at(apply.firstNotApplied)}</dd></div>
              ${apply.skipped.map(({ why, events }) => html`<div><dt>Skipped</dt><dd>${counted(events, "event")}: ${why}</dd></div>`)}`
          : nothing
      }
    </dl>
    ${[...new Set([...notes, ...(apply?.notes ?? [])])].map((note) => html`<p class="muted">${note}</p>`)}`;
}
