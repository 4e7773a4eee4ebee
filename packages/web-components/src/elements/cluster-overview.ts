import { css, html, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import type { Cluster } from "../api/answers.js";
import { FeedController } from "../api/feed-controller.js";
import { missingCluster } from "../failure-notice.js";
import { counted, formatBytes, formatNumber, formatRate } from "../format/amounts.js";
import { formatAgo, formatUtc, millisecondsOf } from "../format/times.js";
import { OplogElement } from "../oplog-element.js";
import { styles } from "../styles.js";
import type { Moment } from "../timeline/coverage-timeline.js";
import { captureNotice, captureNoticeStyles } from "./capture-notice.js";
import { clusterAbout, clusterAboutStyles } from "./cluster-about.js";
import { clusterFigureStyles } from "./cluster-figure-styles.js";
import { headroomFigure, lagFigure } from "./cluster-figures.js";
import { figureStrip, figureStripStyles } from "./figure-strip.js";
import { clusterHash } from "./route.js";
import "../chart/lag-chart.js";
import "../chart/rate-chart.js";
import "../timeline/coverage-timeline.js";
import "./job-list.js";

/**
 * The first tab of a cluster's page: its figures, what is covered, who writes, what was done.
 *
 * @element oplog-cluster-overview
 */
@customElement("oplog-cluster-overview")
export class OplogClusterOverview extends OplogElement {
  static override styles = [
    styles,
    clusterFigureStyles,
    figureStripStyles,
    clusterAboutStyles,
    captureNoticeStyles,
    css`
      :host {
        display: grid;
        gap: 16px;
        grid-template-columns: minmax(0, 1fr);
        container-type: inline-size;
      }
      .halves {
        display: grid;
        gap: 16px;
        grid-template-columns: minmax(0, 1fr);
      }
      @container (min-width: 900px) {
        .halves {
          grid-template-columns: minmax(0, 1fr) minmax(0, 1fr);
        }
      }
    `,
  ];

  /** Id or name of the cluster. */
  @property() cluster = "";
  @state() private moment: Moment | null = null;

  private readonly live = new FeedController(this, () => this.connection);

  override render(): TemplateResult {
    const { feed } = this.live;
    const cluster = feed.find(this.cluster);
    if (!cluster) return missingCluster(feed, this.cluster);
    const { name, id } = cluster;
    return html`
      ${captureNotice(cluster.captureReport)}
      ${figureStrip(`Figures of ${name}`, figuresOf(cluster))}
      <section class="panel" aria-labelledby="coverage">
        <header><h2 id="coverage">Coverage</h2>${this.chosen(cluster)}</header>
        <oplog-coverage-timeline
          cluster=${name}
          endpoint=${this.endpoint}
          .getToken=${this.getToken}
          @oplog-moment-change=${(event: CustomEvent<Moment>) => {
            this.moment = event.detail;
          }}
        ></oplog-coverage-timeline>
      </section>
      <section class="panel" aria-labelledby="rates">
        <header><h2 id="rates">Events a second, last hour</h2></header>
        <oplog-rate-chart cluster=${name} endpoint=${this.endpoint} .getToken=${this.getToken}></oplog-rate-chart>
      </section>
      <div class="halves">
        <section class="panel" aria-labelledby="lag">
          <header><h2 id="lag">Lag, last ten minutes</h2></header>
          <oplog-lag-chart cluster=${name} endpoint=${this.endpoint} .getToken=${this.getToken}></oplog-lag-chart>
        </section>
        <section class="panel" aria-labelledby="jobs">
          <header><h2 id="jobs">Snapshots, verifications, restores</h2></header>
          <oplog-job-list cluster=${id} endpoint=${this.endpoint} .getToken=${this.getToken} ?readonly=${this.readonly}></oplog-job-list>
        </section>
      </div>
      ${clusterAbout(cluster)}
    `;
  }

  /** Where to go from the moment that was chosen. */
  private chosen({ name }: Cluster): TemplateResult {
    const { moment } = this;
    if (!moment) return html`<span></span>`;
    const { time, clusterTime } = moment;
    const restore = clusterHash(name, "restore", { time: String(time), ...(clusterTime && { at: clusterTime }) });
    return html`<div class="row">
      <a class="button" href=${clusterHash(name, "events", { to: new Date(time + 1_000).toISOString() })}>Events up to here</a>
      ${this.readonly ? "" : html`<a class="button primary" href=${restore}>Restore to here</a>`}
    </div>`;
  }
}

function figuresOf(cluster: Cluster) {
  const { log, coveredTo, bytesPerSecond, lastEventAt } = cluster;
  const clock = (time: number | string) => `${formatUtc(time).slice(11)} UTC`;
  return [
    { title: "Lag", value: lagFigure(cluster), more: coveredTo && `covered to ${clock(millisecondsOf(coveredTo))}` },
    { title: "Headroom", value: headroomFigure(cluster), more: cluster.headroomUnknown },
    { title: "Events/s", value: formatRate(cluster.eventsPerSecond), more: bytesPerSecond !== null && `${formatBytes(bytesPerSecond)}/s` },
    { title: "In the log", value: log ? formatNumber(log.events) : "–", more: log && `events, ${formatBytes(log.bytes)}` },
    {
      title: "Stored",
      value: formatBytes(cluster.storedBytes),
      more: log && `${counted(log.segments, "segment")}, ${counted(log.snapshots, "base snapshot")}`,
    },
    { title: "Last event", value: formatAgo(lastEventAt), more: lastEventAt && clock(lastEventAt) },
  ];
}

declare global {
  interface HTMLElementTagNameMap {
    "oplog-cluster-overview": OplogClusterOverview;
  }
}
