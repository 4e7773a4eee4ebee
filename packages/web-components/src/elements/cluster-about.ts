import { css, html, type TemplateResult } from "lit";
import type { Cluster } from "../api/answers.js";
import { formatBytes } from "../format/amounts.js";
import { formatLocal, formatUtc } from "../format/times.js";
import { carriedWords } from "./capture-notice.js";

/** What was registered, and where it runs. */
export function clusterAbout(cluster: Cluster): TemplateResult {
  const { retention, captureReport } = cluster;
  const kept = [
    ...(retention.maxAgeHours === undefined ? [] : [`${retention.maxAgeHours} h`]),
    ...(retention.maxBytes === undefined ? [] : [formatBytes(retention.maxBytes)]),
  ];
  const rows: [string, unknown][] = [
    ["Source", html`<span class="mono">${cluster.connectionString}</span>`],
    ["Database", cluster.database ?? "the whole deployment"],
    ["Store", html`<span class="mono">${cluster.storeUri}</span>`],
    ["Captured by", html`${cluster.captureInUse ?? cluster.capture} <span class="muted">${captureReport?.because}</span>`],
    ["Carried", captureReport ? carriedWords(captureReport) : "–"],
    ["Kept", kept.length === 0 ? "for ever" : `at most ${kept.join(", ")}`],
    ["Base snapshots", cluster.snapshotEveryHours === null ? "only by hand" : `every ${cluster.snapshotEveryHours} h`],
    [
      "First event",
      cluster.firstEventAt
        ? html`${formatUtc(cluster.firstEventAt)} UTC <span class="muted">${formatLocal(cluster.firstEventAt)}</span>`
        : "–",
    ],
    ["Runs on", cluster.node ? `${cluster.node}${cluster.pid ? `, pid ${cluster.pid}` : ""}` : "–"],
  ];
  return html`<section class="panel" aria-labelledby="about">
    <header><h2 id="about">About</h2></header>
    <dl class="about">${rows.map(([title, value]) => html`<div><dt>${title}</dt><dd>${value}</dd></div>`)}</dl>
    ${(captureReport ? [] : cluster.notes).map((note) => html`<p class="muted note">${note}</p>`)}
  </section>`;
}

export const clusterAboutStyles = css`
  .about {
    display: grid;
    gap: 12px 24px;
    grid-template-columns: repeat(auto-fit, minmax(min(100%, 260px), 1fr));
  }
  .about dd {
    overflow-wrap: anywhere;
  }
  .note {
    margin-top: 12px;
  }
`;
