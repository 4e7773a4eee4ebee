import { css, html, nothing, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { cache } from "lit/directives/cache.js";
import { repeat } from "lit/directives/repeat.js";
import type { Cluster } from "../api/answers.js";
import { FeedController } from "../api/feed-controller.js";
import { sparkline } from "../chart/sparkline.js";
import { sparklineStyles } from "../chart/sparkline-styles.js";
import { formatBytes, formatNumber, formatRate } from "../format/amounts.js";
import { needsAttention } from "../format/state-words.js";
import { formatAgo } from "../format/times.js";
import { icon } from "../icons.js";
import { OplogElement } from "../oplog-element.js";
import { styles } from "../styles.js";
import { coverageWords, thinTimeline } from "../timeline/thin-timeline.js";
import { thinTimelineStyles } from "../timeline/thin-timeline-styles.js";
import { WidthController } from "../width-controller.js";
import { clusterName } from "./cluster-card.js";
import { clusterFigureStyles } from "./cluster-figure-styles.js";
import { headroomFigure, lagFigure } from "./cluster-figures.js";
import { arrange, type ClusterKey, type ClusterOrder, type ClusterShow } from "./cluster-order.js";
import { stateBadge } from "./state-badge.js";
import { stateBadgeStyles } from "./state-badge-styles.js";
import "./cluster-card.js";

/** Below this a table would have to be scrolled sideways. */
const TABLE_WIDTH = 860;

const COLUMNS: { key: ClusterKey | null; title: string; number?: boolean }[] = [
  { key: "name", title: "Cluster" },
  { key: "state", title: "State" },
  { key: null, title: "Covered" },
  { key: "lag", title: "Lag", number: true },
  { key: "headroom", title: "Headroom", number: true },
  { key: "rate", title: "Events/s", number: true },
  { key: "stored", title: "Stored", number: true },
  { key: "last", title: "Last event", number: true },
];

const SHOWS: [ClusterShow, string][] = [
  ["all", "All"],
  ["attention", "Need attention"],
  ["running", "Should run"],
  ["stopped", "Stopped"],
];

/**
 * All clusters at a glance, live: sorted, filtered, searched.
 *
 * @element oplog-cluster-list
 * @fires oplog-cluster-open - A cluster was chosen; `detail: {id, name}`. Preventing it keeps a link from being followed.
 * @csspart summary - The figures of all clusters.
 * @csspart toolbar - Search and filter.
 * @csspart table - The table (on a wide element).
 * @csspart state - A state's words.
 * @slot empty - Shown instead of the list while no cluster is registered.
 * @slot toolbar - At the end of the toolbar.
 */
@customElement("oplog-cluster-list")
export class OplogClusterList extends OplogElement {
  static override styles = [
    styles,
    stateBadgeStyles,
    thinTimelineStyles,
    sparklineStyles,
    clusterFigureStyles,
    css`
      .summary {
        display: grid;
        grid-template-columns: repeat(auto-fit, minmax(120px, 1fr));
        gap: 1px;
        border: 1px solid var(--border);
        border-radius: calc(var(--radius) + 2px);
        background: var(--surface);
        overflow: hidden;
      }
      .summary > div {
        padding: 10px 16px;
        box-shadow: 1px 1px 0 var(--border);
      }
      .summary dt {
        font-size: 12px;
        line-height: 16px;
        color: var(--muted);
      }
      .summary dd {
        font: 600 20px / 28px var(--font);
        font-variant-numeric: tabular-nums;
        letter-spacing: -0.01em;
      }
      .toolbar {
        display: flex;
        flex-wrap: wrap;
        gap: 8px;
        align-items: center;
      }
      .search {
        position: relative;
        flex: 1 1 200px;
        max-width: 360px;
      }
      .search > svg {
        position: absolute;
        inset: 7px auto auto 8px;
        color: var(--muted);
      }
      .search > input {
        padding-left: 30px;
      }
      .toolbar > select {
        width: auto;
      }
      .frame {
        padding: 0;
        overflow: hidden;
      }
      th > button {
        min-height: 24px;
        padding: 0;
        border: 0;
        background: none;
        color: inherit;
        gap: 2px;
      }
      th > button svg {
        width: 12px;
        height: 12px;
      }
      thead th {
        background: var(--surface);
        padding-block: 4px;
      }
      tbody tr:hover {
        background: var(--sunken);
      }
      td.cluster {
        max-width: 0;
        width: 24%;
        min-width: 160px;
      }
      td.cluster > * {
        display: block;
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      .name {
        font-weight: 600;
      }
      td.covered {
        width: 20%;
        min-width: 150px;
      }
      .rate {
        display: flex;
        gap: 10px;
        justify-content: end;
        align-items: center;
      }
      .why {
        max-width: 30ch;
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      .nothing {
        padding: 32px 16px;
        text-align: center;
      }
      .cards {
        display: grid;
        gap: 12px;
        grid-template-columns: repeat(auto-fill, minmax(min(100%, 320px), 1fr));
      }
      .skeleton {
        height: 48px;
        border-bottom: 1px solid var(--border);
        background: linear-gradient(90deg, var(--sunken) 0 18%, transparent 18% 22%, var(--sunken) 22% 32%, transparent 32% 36%, var(--sunken) 36% 60%, transparent 60%)
          center / 100% 12px no-repeat;
      }
    `,
  ];

  /** Before the name in the link to a cluster's page; without it names are buttons. */
  @property({ attribute: "link-base" }) linkBase?: string;

  @state() private order: ClusterOrder = { key: "name", descending: false };
  @state() private show: ClusterShow = "all";
  @state() private search = "";

  private readonly live = new FeedController(this, () => this.connection);
  private readonly width = new WidthController(this, (width) => width >= TABLE_WIDTH);

  override render() {
    const { feed } = this.live;
    if (!feed.loaded) return feed.state === "denied" || feed.state === "stale" ? this.unavailable() : loading;
    if (feed.clusters.size === 0) return html`<slot name="empty"><p class="panel nothing muted">No cluster is registered yet.</p></slot>`;
    const clusters = [...feed.clusters.values()];
    const shown = arrange(clusters, this.order, this.show, this.search);
    return html`<div class="stack">
      ${this.summary(clusters)} ${this.toolbar()}
      ${
        shown.length === 0
          ? html`<p class="panel nothing muted">No cluster fits. <button class="link" @click=${this.showAll}>Show all ${clusters.length}</button></p>`
          : cache(this.width.value ? this.table(shown) : this.cards(shown))
      }
    </div>`;
  }

  private unavailable() {
    const { error } = this.live.feed;
    return html`<div class="notice danger" role="alert">
      ${icon("error")}
      <strong>${error?.message ?? "The server does not answer"}</strong>
      <span>${error?.hint}</span>
    </div>`;
  }

  private summary(clusters: readonly Cluster[]) {
    const sum = (of: (cluster: Cluster) => number | null) => clusters.reduce((total, cluster) => total + (of(cluster) ?? 0), 0);
    const attention = clusters.filter(needsAttention).length;
    const running = clusters.filter(({ state }) => state === "running").length;
    return html`<dl class="summary" part="summary" aria-label="All clusters">
      <div><dt>Clusters</dt><dd>${formatNumber(clusters.length)}</dd></div>
      <div><dt>Running</dt><dd>${formatNumber(running)}</dd></div>
      <div><dt>Need attention</dt><dd class=${attention > 0 ? "text-danger" : ""}>${formatNumber(attention)}</dd></div>
      <div><dt>Events/s</dt><dd>${formatRate(sum(({ eventsPerSecond }) => eventsPerSecond))}</dd></div>
      <div><dt>Stored</dt><dd>${formatBytes(sum(({ storedBytes }) => storedBytes))}</dd></div>
    </dl>`;
  }

  private toolbar() {
    return html`<div class="toolbar" part="toolbar">
      <div class="search">
        ${icon("search")}
        <input type="search" aria-label="Search clusters" placeholder="Search name, address, state" .value=${this.search} @input=${this.onSearch} />
      </div>
      <select aria-label="Which clusters" @change=${this.onShow}>
        ${SHOWS.map(([value, words]) => html`<option value=${value} ?selected=${value === this.show}>${words}</option>`)}
      </select>
      ${this.width.value ? nothing : this.orderSelect()}
      <slot name="toolbar"></slot>
    </div>`;
  }

  private orderSelect() {
    const keys = COLUMNS.filter(({ key }) => key !== null);
    return html`<select aria-label="Order" @change=${(event: Event) => {
      this.order = { key: (event.target as HTMLSelectElement).value as ClusterKey, descending: this.order.descending };
    }}>
      ${keys.map(({ key, title }) => html`<option value=${key} ?selected=${key === this.order.key}>By ${title.toLowerCase()}</option>`)}
    </select>`;
  }

  private table(clusters: readonly Cluster[]) {
    return html`<div class="panel frame">
      <table part="table">
        <caption class="visually-hidden">Clusters</caption>
        <thead><tr>${COLUMNS.map((column) => this.heading(column))}</tr></thead>
        <tbody>${repeat(
          clusters,
          ({ id }) => id,
          (cluster) => this.tableRow(cluster),
        )}</tbody>
      </table>
    </div>`;
  }

  private heading({ key, title, number }: (typeof COLUMNS)[number]): TemplateResult {
    if (key === null) return html`<th scope="col">${title}</th>`;
    const { order } = this;
    const sorted = order.key === key;
    const direction = sorted ? (order.descending ? "descending" : "ascending") : "none";
    return html`<th scope="col" class=${number ? "number" : ""} aria-sort=${direction}>
      <button @click=${() => {
        this.order = { key, descending: sorted ? !order.descending : false };
      }}>
        ${title}${sorted ? icon(order.descending ? "down" : "up") : nothing}
      </button>
    </th>`;
  }

  private tableRow(cluster: Cluster): TemplateResult {
    const { id, name, connectionString, database, error } = cluster;
    return html`<tr>
      <td class="cluster">
        ${clusterName(cluster, this.linkBase, () => this.emit("oplog-cluster-open", { id, name }))}
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
          ${sparkline(this.live.feed.recent.of(id).eventsPerSecond, `Events a second of ${name}`)}<span>${formatRate(cluster.eventsPerSecond)}</span>
        </div>
      </td>
      <td class="number">${formatBytes(cluster.storedBytes)}</td>
      <td class="number">${formatAgo(cluster.lastEventAt)}</td>
    </tr>`;
  }

  private cards(clusters: readonly Cluster[]) {
    return html`<div class="cards">
      ${repeat(
        clusters,
        ({ id }) => id,
        ({ id }) =>
          html`<oplog-cluster-card
            cluster=${id}
            endpoint=${this.endpoint}
            .getToken=${this.getToken}
            link-base=${this.linkBase ?? nothing}
            exportparts="card, state"
          ></oplog-cluster-card>`,
      )}
    </div>`;
  }

  private readonly onSearch = (event: Event): void => {
    this.search = (event.target as HTMLInputElement).value;
  };

  private readonly onShow = (event: Event): void => {
    this.show = (event.target as HTMLSelectElement).value as ClusterShow;
  };

  private readonly showAll = (): void => {
    this.search = "";
    this.show = "all";
  };
}

const loading = html`<div class="panel" aria-busy="true">
  <span class="visually-hidden" role="status">Loading clusters</span>
  <div class="skeleton"></div>
  <div class="skeleton"></div>
  <div class="skeleton"></div>
</div>`;

/** The hosts: what tells clusters apart. */
const shortAddress = (uri: string): string => /^mongodb(?:\+srv)?:\/\/(?:[^@/]*@)?([^/?]+)/.exec(uri)?.[1] ?? uri;

declare global {
  interface HTMLElementTagNameMap {
    "oplog-cluster-list": OplogClusterList;
  }
}
