import { html, nothing, type TemplateResult } from "lit";
import type { RestorePlan } from "../api/answers.js";
import { counted, formatBytes, formatNumber } from "../format/amounts.js";
import { formatUtc, millisecondsOf } from "../format/times.js";
import { icon } from "../icons.js";

/** More of them say no more on one screen. */
const LISTED = 12;

const timeWords = (clusterTime: string) =>
  html`${formatUtc(millisecondsOf(clusterTime))} UTC <span class="muted mono">${clusterTime}</span>`;

/** What a restore would do, to be read before it is done. */
export function planView({ snapshot, collections, leftOut, drop, apply, notes }: RestorePlan): TemplateResult {
  const documents = collections.reduce((sum, one) => sum + one.documents, 0);
  return html`
    <dl class="plan">
      <div><dt>Base snapshot</dt><dd>${timeWords(snapshot.restorableFrom)}<br />${counted(documents, "document")} in ${counted(collections.length, "collection")}, ${formatBytes(snapshot.bytes)}</dd></div>
      <div><dt>Then the log, up to</dt><dd>${timeWords(apply.to)}<br />${counted(apply.segments.events, "event")} in ${counted(apply.segments.count, "segment")}, ${formatBytes(apply.segments.bytes)}, in ${counted(apply.lanes, "lane")}</dd></div>
      <div><dt>Onto</dt><dd class="mono">${apply.target}</dd></div>
    </dl>
    ${
      drop.length > 0
        ? html`<div class="notice danger">${icon("warning")}<strong>Dropped on the target first</strong><span class="mono">${listed(drop)}</span></div>`
        : nothing
    }
    ${
      leftOut.length + apply.skipped.length > 0
        ? html`<details>
          <summary>Left out: ${counted(leftOut.length, "collection")}, ${counted(
            apply.skipped.reduce((sum, { events }) => sum + events, 0),
            "event",
          )}</summary>
          <ul>
            ${leftOut.map(({ namespace, why }) => html`<li><span class="mono">${namespace}</span> <span class="muted">${why}</span></li>`)}
            ${apply.skipped.map(({ namespace, operation, events, why }) => html`<li><span class="mono">${namespace}</span> ${formatNumber(events)} × ${operation} <span class="muted">${why}</span></li>`)}
          </ul>
        </details>`
        : nothing
    }
    <details>
      <summary>Collections</summary>
      <ul>
        ${collections.slice(0, 200).map(({ namespace, target, documents: count }) => html`<li><span class="mono">${namespace}${target === namespace ? "" : ` → ${target}`}</span> <span class="muted">${counted(count, "document")}</span></li>`)}
      </ul>
    </details>
    ${[...new Set([...notes, ...apply.notes])].map((note) => html`<p class="muted">${note}</p>`)}
  `;
}

const listed = (names: readonly string[]): string =>
  `${names.slice(0, LISTED).join(", ")}${names.length > LISTED ? `, … ${names.length} in all` : ""}`;
