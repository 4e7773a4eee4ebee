import { html, nothing, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import type { Cluster } from "../api/answers.js";
import type { RecentSeries } from "../api/recent-series.js";
import { sparkline } from "../chart/sparkline.js";
import { formatBytes, formatRate } from "../format/amounts.js";
import { formatAgo } from "../format/times.js";
import { icon } from "../icons.js";
import { coverageWords, thinTimeline } from "../timeline/thin-timeline.js";
import { headroomFigure, lagFigure } from "./cluster-figures.js";
import { clusterName } from "./cluster-name.js";
import type { ClusterKey, ClusterOrder } from "./cluster-order.js";
import { stateBadge } from "./state-badge.js";

interface ClusterColumn {
  key: ClusterKey | null;
  title: string;
  number?: boolean;
}

const COLUMNS: readonly ClusterColumn[] = [
  { key: "name", title: "Cluster" },
  { key: "state", title: "State" },
  { key: null, title: "Covered" },
  { key: "lag", title: "Lag", number: true },
  { key: "headroom", title: "Headroom", number: true },
  { key: "rate", title: "Events/s", number: true },
  { key: "stored", title: "Stored", number: true },
  { key: "last", title: "Last event", number: true },
];

/** What clusters can be ordered by. */
export const CLUSTER_KEYS = COLUMNS.filter((column): column is ClusterColumn & { key: ClusterKey } => column.key !== null);

export interface ClusterTable {
  clusters: readonly Cluster[];
  order: ClusterOrder;
  recent: RecentSeries;
  linkBase: string | undefined;
  onOrder: (order: ClusterOrder) => void;
  /** Says whether to go on to the cluster's page. */
  onOpen: (cluster: Cluster) => boolean;
}

/** Clusters as rows, with headings that order them. */
export function clusterTable(table: ClusterTable): TemplateResult {
  return html`<div class="panel frame">
    <table part="table">
      <caption class="visually-hidden">Clusters</caption>
      <thead><tr>${COLUMNS.map((column) => heading(column, table))}</tr></thead>
      <tbody>${repeat(
        table.clusters,
        ({ id }) => id,
        (cluster) => clusterRow(cluster, table),
      )}</tbody>
    </table>
  </div>`;
}

function heading({ key, title, number }: ClusterColumn, { order, onOrder }: ClusterTable): TemplateResult {
  if (key === null) return html`<th scope="col">${title}</th>`;
  const sorted = order.key === key;
  const direction = sorted ? (order.descending ? "descending" : "ascending") : "none";
  return html`<th scope="col" class=${number ? "number" : ""} aria-sort=${direction}>
    <button @click=${() => onOrder({ key, descending: sorted ? !order.descending : false })}>
      ${title}${sorted ? icon(order.descending ? "down" : "up") : nothing}
    </button>
  </th>`;
}

function clusterRow(cluster: Cluster, { linkBase, recent, onOpen }: ClusterTable): TemplateResult {
  const { id, name, connectionString, database, error } = cluster;
  return html`<tr>
    <td class="cluster">
      ${clusterName(cluster, linkBase, () => onOpen(cluster))}
      <span class="muted small mono" title=${connectionString}>${shortAddress(connectionString)}${database ? ` / ${database}` : ""}</span>
    </td>
    <td>
      ${stateBadge(cluster)}
      ${error ? html`<div class="why small muted" title=${error.message}>${error.message}</div>` : nothing}
    </td>
    <td class="covered">
      ${thinTimeline(cluster)}
      <div class="muted small">${coverageWords(cluster)}</div>
    </td>
    <td class="number">${lagFigure(cluster)}</td>
    <td class="number">${headroomFigure(cluster)}</td>
    <td class="number">
      <div class="rate">
        ${sparkline(recent.of(id).eventsPerSecond, `Events a second of ${name}`)}<span>${formatRate(cluster.eventsPerSecond)}</span>
      </div>
    </td>
    <td class="number">${formatBytes(cluster.storedBytes)}</td>
    <td class="number">${formatAgo(cluster.lastEventAt)}</td>
  </tr>`;
}

/** The hosts: what tells clusters apart. */
const shortAddress = (uri: string): string => /^mongodb(?:\+srv)?:\/\/(?:[^@/]*@)?([^/?]+)/.exec(uri)?.[1] ?? uri;
