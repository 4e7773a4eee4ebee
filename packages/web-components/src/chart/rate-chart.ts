import { css, html, type PropertyValues, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import type { StatsRow } from "../api/answers.js";
import { ApiError, clusterPath, query } from "../api/api-client.js";
import { failureNotice } from "../failure-notice.js";
import { formatNumber, formatRate } from "../format/amounts.js";
import { OplogElement } from "../oplog-element.js";
import { RefreshController } from "../refresh-controller.js";
import { styles } from "../styles.js";
import { plotStyles } from "./plot-styles.js";
import { biggest, type RateBy, rateLines } from "./rate-lines.js";
import { TimeChart } from "./time-chart.js";

const BUCKETS = 60;
const SPAN_MS = 3_600_000;
/** A bucket is a minute wide. */
const REFRESH_MS = 15_000;
const WRITERS = 8;

/**
 * Events a second by operation or by namespace over the last hour, and who writes most.
 *
 * @element oplog-rate-chart
 */
@customElement("oplog-rate-chart")
export class OplogRateChart extends OplogElement {
  static override styles = [
    styles,
    ...plotStyles,
    css`
      .body {
        display: grid;
        gap: 16px 24px;
        grid-template-columns: minmax(0, 1fr);
      }
      :host {
        container-type: inline-size;
      }
      @container (min-width: 760px) {
        .body {
          grid-template-columns: minmax(0, 2fr) minmax(220px, 1fr);
        }
      }
      .empty {
        min-height: 180px;
        display: grid;
        place-items: center;
      }
      td,
      th {
        padding: 4px 0 4px 8px;
      }
      td:first-child,
      th:first-child {
        padding-left: 0;
        overflow-wrap: anywhere;
      }
      .switch {
        margin-bottom: 8px;
        display: flex;
        gap: 2px;
      }
      .switch button[aria-pressed="true"] {
        background: var(--accent-soft);
        color: var(--accent);
      }
    `,
  ];

  /** Id or name of the cluster. */
  @property() cluster = "";
  /** What a line is. */
  @property({ reflect: true }) by: RateBy = "operation";

  @state() private rows: readonly StatsRow[] | null = null;
  @state() private failure: ApiError | null = null;
  private until = 0;
  private readonly chart = new TimeChart(this);

  constructor() {
    super();
    new RefreshController(
      this,
      REFRESH_MS,
      () => this.load(),
      () => this.failure,
    );
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (!this.asksAnew(changed)) return;
    this.rows = this.failure = null;
    void this.load();
  }

  override render(): TemplateResult {
    const { rows, by, failure } = this;
    if (rows === null && failure) return failureNotice(failure);
    return html`
      <div class="switch" role="group" aria-label="Lines">
        <button class="plain" aria-pressed=${by === "operation"} @click=${() => this.showBy("operation")}>By operation</button>
        <button class="plain" aria-pressed=${by === "namespace"} @click=${() => this.showBy("namespace")}>By namespace</button>
      </div>
      ${
        rows === null
          ? html`<p class="empty muted" role="status">Loading rates …</p>`
          : rows.length === 0
            ? html`<p class="empty muted">No event in the last hour.</p>`
            : html`<div class="body">
                ${this.chart.render({ ...rateLines(rows, by, this.until - SPAN_MS, this.until, BUCKETS), format: formatRate, least: 1 }, `Events a second by ${by} over the last hour`)}
                ${this.writers(rows)}
              </div>`
      }
    `;
  }

  private writers(rows: readonly StatsRow[]) {
    const all = rows.reduce((sum, { events }) => sum + events, 0);
    return html`<table>
      <caption class="visually-hidden">Biggest writers of the last hour</caption>
      <thead><tr><th scope="col">Biggest, last hour</th><th scope="col" class="number">Events</th><th scope="col" class="number">Share</th></tr></thead>
      <tbody>
        ${biggest(rows, this.by)
          .slice(0, WRITERS)
          .map(
            ({ name, events }) =>
              html`<tr><td>${name}</td><td class="number">${formatNumber(events)}</td><td class="number">${Math.round((events / all) * 100)} %</td></tr>`,
          )}
      </tbody>
    </table>`;
  }

  private showBy(by: RateBy): void {
    this.by = by;
  }

  private async load(): Promise<void> {
    const { cluster } = this;
    if (!cluster) return;
    const until = Date.now();
    const range = { from: new Date(until - SPAN_MS).toISOString(), to: new Date(until).toISOString(), buckets: BUCKETS };
    try {
      const rows = await this.api.ask<StatsRow[]>(clusterPath(cluster, `/stats${query(range)}`));
      if (cluster !== this.cluster) return;
      this.until = until;
      this.rows = rows;
      this.failure = null;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (cluster === this.cluster) this.failure = error;
    }
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "oplog-rate-chart": OplogRateChart;
  }
}
