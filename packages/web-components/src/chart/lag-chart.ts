import type { TemplateResult } from "lit";
import { customElement, property } from "lit/decorators.js";
import { FeedController } from "../api/feed-controller.js";
import { CALM_LAG_MS } from "../elements/cluster-figures.js";
import { missingCluster } from "../failure-notice.js";
import { formatDuration } from "../format/times.js";
import { OplogElement } from "../oplog-element.js";
import { styles } from "../styles.js";
import { plotStyles } from "./plot-styles.js";
import { TimeChart } from "./time-chart.js";

/**
 * The lag of the last ten minutes: how far the log is behind the source's clock.
 *
 * @element oplog-lag-chart
 */
@customElement("oplog-lag-chart")
export class OplogLagChart extends OplogElement {
  static override styles = [styles, ...plotStyles];

  /** Id or name of the cluster. */
  @property() cluster = "";

  private readonly live = new FeedController(this, () => this.connection);
  private readonly chart = new TimeChart(this);

  override render(): TemplateResult {
    const { feed } = this.live;
    const cluster = feed.find(this.cluster);
    if (!cluster) return missingCluster(feed, this.cluster);
    const { at, lagMs } = feed.recent.of(cluster.id);
    const data = {
      times: at,
      lines: [{ label: "Lag", values: lagMs }],
      format: (value: number) => formatDuration(value),
      least: CALM_LAG_MS,
    };
    return this.chart.render(data, `Lag of ${cluster.name} over the last ten minutes`);
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "oplog-lag-chart": OplogLagChart;
  }
}
