import { css, html, nothing, type TemplateResult } from "lit";
import { customElement, property } from "lit/decorators.js";
import { FeedController } from "../api/feed-controller.js";
import { sparkline } from "../chart/sparkline.js";
import { sparklineStyles } from "../chart/sparkline-styles.js";
import { missingCluster } from "../failure-notice.js";
import { formatBytes, formatRate } from "../format/amounts.js";
import { formatAgo } from "../format/times.js";
import { OplogElement } from "../oplog-element.js";
import { styles } from "../styles.js";
import { coverageWords, thinTimeline } from "../timeline/thin-timeline.js";
import { thinTimelineStyles } from "../timeline/thin-timeline-styles.js";
import { clusterFigureStyles } from "./cluster-figure-styles.js";
import { headroomFigure, lagFigure } from "./cluster-figures.js";
import { clusterName, clusterNameStyles } from "./cluster-name.js";
import { staleBadge, staleBadgeStyles } from "./stale-badge.js";
import { stateBadge } from "./state-badge.js";
import { stateBadgeStyles } from "./state-badge-styles.js";

/**
 * One cluster at a glance: state, coverage, lag, headroom, rate.
 *
 * @element oplog-cluster-card
 * @fires oplog-cluster-open - Its name was chosen; `detail: {id, name}`. Preventing it keeps a link from being followed.
 * @csspart card - The frame.
 * @csspart state - The state's words.
 * @slot actions - Buttons of the host at the card's end.
 */
@customElement("oplog-cluster-card")
export class OplogClusterCard extends OplogElement {
  static override styles = [
    styles,
    stateBadgeStyles,
    thinTimelineStyles,
    sparklineStyles,
    clusterFigureStyles,
    clusterNameStyles,
    staleBadgeStyles,
    css`
      .panel {
        padding: 12px 14px;
        display: grid;
        gap: 10px;
        grid-template-columns: minmax(0, 1fr);
      }
      dl {
        display: grid;
        grid-template-columns: repeat(auto-fit, minmax(88px, 1fr));
        gap: 8px 12px;
      }
      .name {
        font-size: 14px;
        overflow-wrap: anywhere;
      }
      .where {
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      .rate {
        display: flex;
        gap: 8px;
        align-items: center;
      }
      .rate > svg {
        flex: 0 1 72px;
        min-width: 0;
      }
    `,
  ];

  /** Id or name of the cluster. */
  @property() cluster = "";
  /** Before the name in the link to the cluster's page; without it the name is a button. */
  @property({ attribute: "link-base" }) linkBase?: string;

  private readonly live = new FeedController(this, () => this.connection);

  override render(): TemplateResult {
    const { feed } = this.live;
    const cluster = feed.find(this.cluster);
    if (!cluster || feed.state === "denied") return missingCluster(feed, this.cluster);
    const { name, connectionString, error, eventsPerSecond } = cluster;
    return html`<article class="panel" part="card" aria-label=${name}>
      <div>
        <div class="row spread">
          ${clusterName(cluster, this.linkBase, () => this.emit("oplog-cluster-open", { id: cluster.id, name }))} ${stateBadge(cluster)}
        </div>
        <div class="where muted small mono" title=${connectionString}>${connectionString}</div>
      </div>
      ${error ? html`<p class="text-danger small">${error.message}</p>` : nothing} ${staleBadge(feed)}
      <div>
        ${thinTimeline(cluster)}
        <div class="muted small">${coverageWords(cluster)}</div>
      </div>
      <dl>
        <div><dt>Lag</dt><dd>${lagFigure(cluster)}</dd></div>
        <div><dt>Headroom</dt><dd>${headroomFigure(cluster)}</dd></div>
        <div>
          <dt>Events/s</dt>
          <dd class="rate">${formatRate(eventsPerSecond)} ${sparkline(feed.recent.of(cluster.id).eventsPerSecond, `Events a second of ${name}`)}</dd>
        </div>
        <div><dt>Stored</dt><dd>${formatBytes(cluster.storedBytes)}</dd></div>
        <div><dt>Last event</dt><dd>${formatAgo(cluster.lastEventAt)}</dd></div>
      </dl>
      <slot name="actions"></slot>
    </article>`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "oplog-cluster-card": OplogClusterCard;
  }
}
