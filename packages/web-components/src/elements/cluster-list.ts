import { html, nothing, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { cache } from "lit/directives/cache.js";
import { repeat } from "lit/directives/repeat.js";
import type { Cluster } from "../api/answers.js";
import { FeedController } from "../api/feed-controller.js";
import { sparklineStyles } from "../chart/sparkline-styles.js";
import { waitingFor } from "../failure-notice.js";
import { formatBytes, formatNumber, formatRate } from "../format/amounts.js";
import { needsAttention } from "../format/state-words.js";
import { icon } from "../icons.js";
import { OplogElement } from "../oplog-element.js";
import { styles } from "../styles.js";
import { thinTimelineStyles } from "../timeline/thin-timeline-styles.js";
import { WidthController } from "../width-controller.js";
import { clusterFigureStyles } from "./cluster-figure-styles.js";
import { clusterListStyles } from "./cluster-list-styles.js";
import { clusterNameStyles } from "./cluster-name.js";
import { arrange, type ClusterKey, type ClusterOrder, type ClusterShow } from "./cluster-order.js";
import { CLUSTER_KEYS, clusterTable } from "./cluster-table.js";
import { clusterTableStyles } from "./cluster-table-styles.js";
import { figureStrip, figureStripStyles } from "./figure-strip.js";
import { staleBadge, staleBadgeStyles } from "./stale-badge.js";
import { stateBadgeStyles } from "./state-badge-styles.js";
import "./cluster-card.js";

/** Below this a table would have to be scrolled sideways. */
const TABLE_WIDTH = 860;

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
    clusterNameStyles,
    figureStripStyles,
    staleBadgeStyles,
    clusterTableStyles,
    clusterListStyles,
  ];

  /** Before the name in the link to a cluster's page; without it names are buttons. */
  @property({ attribute: "link-base" }) linkBase?: string;

  @state() private order: ClusterOrder = { key: "name", descending: false };
  @state() private show: ClusterShow = "all";
  @state() private search = "";

  private readonly live = new FeedController(this, () => this.connection);
  private readonly width = new WidthController(this, (width) => width >= TABLE_WIDTH);

  override render(): TemplateResult {
    const { feed } = this.live;
    if (!feed.loaded || feed.state === "denied") return waitingFor(feed, loading);
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

  private summary(clusters: readonly Cluster[]) {
    const sum = (of: (cluster: Cluster) => number | null) => clusters.reduce((total, cluster) => total + (of(cluster) ?? 0), 0);
    const attention = clusters.filter(needsAttention).length;
    const running = clusters.filter(({ state }) => state === "running").length;
    return figureStrip("All clusters", [
      { title: "Clusters", value: formatNumber(clusters.length) },
      { title: "Running", value: formatNumber(running) },
      { title: "Need attention", value: formatNumber(attention), alarming: attention > 0 },
      { title: "Events/s", value: formatRate(sum(({ eventsPerSecond }) => eventsPerSecond)) },
      { title: "Stored", value: formatBytes(sum(({ storedBytes }) => storedBytes)) },
    ]);
  }

  private toolbar() {
    return html`<div class="toolbar" part="toolbar">
      <div class="search">
        ${icon("search")}
        <input type="search" aria-label="Search clusters" placeholder=${this.width.value ? "Search name, address, state" : "Search"} .value=${this.search} @input=${this.onSearch} />
      </div>
      <select aria-label="Which clusters" @change=${this.onShow}>
        ${SHOWS.map(([value, words]) => html`<option value=${value} ?selected=${value === this.show}>${words}</option>`)}
      </select>
      ${this.width.value ? nothing : this.orderSelect()}
      ${staleBadge(this.live.feed)}
      <slot name="toolbar"></slot>
    </div>`;
  }

  private orderSelect() {
    return html`<select aria-label="Order" @change=${(event: Event) => {
      this.order = { key: (event.target as HTMLSelectElement).value as ClusterKey, descending: this.order.descending };
    }}>
      ${CLUSTER_KEYS.map(({ key, title }) => html`<option value=${key} ?selected=${key === this.order.key}>By ${title.toLowerCase()}</option>`)}
    </select>`;
  }

  private table(clusters: readonly Cluster[]) {
    return clusterTable({
      clusters,
      order: this.order,
      linkBase: this.linkBase,
      recent: this.live.feed.recent,
      onOrder: (order) => {
        this.order = order;
      },
      onOpen: ({ id, name }) => this.emit("oplog-cluster-open", { id, name }),
    });
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

declare global {
  interface HTMLElementTagNameMap {
    "oplog-cluster-list": OplogClusterList;
  }
}
