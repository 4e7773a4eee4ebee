import { css, html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { ApiError, clusterPath, query } from "../api/api-client.js";
import { failureNotice } from "../failure-notice.js";
import { formatUtc } from "../format/times.js";
import { OplogElement } from "../oplog-element.js";
import { RefreshController } from "../refresh-controller.js";
import { styles } from "../styles.js";

const LINES = 300;
const REFRESH_MS = 3_000;

/** pino's numbers. */
const LEVELS: Record<number, string> = { 10: "trace", 20: "debug", 30: "info", 40: "warn", 50: "error", 60: "fatal" };

/** Said of every line by whoever writes it; of no use to who reads it here. */
const HIDDEN = new Set(["level", "time", "msg", "pid", "hostname", "name"]);

/**
 * The end of a collector's log file.
 *
 * @element oplog-log-tail
 */
@customElement("oplog-log-tail")
export class OplogLogTail extends OplogElement {
  static override styles = [
    styles,
    css`
      ol.panel {
        padding: 8px 0;
        overflow: auto;
        max-height: min(70vh, 720px);
      }
      li {
        display: grid;
        grid-template-columns: 160px 44px minmax(0, 1fr);
        gap: 12px;
        padding: 2px 14px;
        overflow-wrap: anywhere;
      }
      .warn {
        color: var(--warn);
      }
      .error,
      .fatal {
        color: var(--danger);
      }
      :host {
        container-type: inline-size;
      }
      @container (max-width: 600px) {
        li {
          grid-template-columns: auto 1fr;
          gap: 0 12px;
          padding-block: 6px;
        }
        li > :last-child {
          grid-column: 1 / -1;
        }
      }
    `,
  ];

  /** Id or name of the cluster. */
  @property() cluster = "";
  @state() private lines: readonly string[] | null = null;
  @state() private failure: ApiError | null = null;

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
    if (this.asksAnew(changed)) void this.load();
  }

  override render(): TemplateResult {
    if (this.failure) return failureNotice(this.failure);
    if (!this.lines) return html`<p class="panel nothing muted" role="status">Reading the log file …</p>`;
    if (this.lines.length === 0) return html`<p class="panel nothing muted">The log file is empty.</p>`;
    return html`<ol class="panel mono" tabindex="0" aria-label="The collector's log, the newest line first">
      ${[...this.lines].reverse().map(line)}
    </ol>`;
  }

  private async load(): Promise<void> {
    const { cluster } = this;
    if (!cluster) return;
    try {
      const { lines } = await this.api.ask<{ lines: string[] }>(clusterPath(cluster, `/logs${query({ lines: LINES })}`));
      if (cluster !== this.cluster) return;
      this.lines = lines;
      this.failure = null;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (cluster === this.cluster) this.failure = error;
    }
  }
}

function line(text: string) {
  const fields = parse(text);
  if (!fields) return html`<li><span></span><span></span><span>${text}</span></li>`;
  const level = LEVELS[Number(fields.level)] ?? String(fields.level ?? "");
  const more = Object.entries(fields)
    .filter(([name]) => !HIDDEN.has(name))
    .map(([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`)
    .join(" ");
  const time = Number(fields.time) || Date.parse(String(fields.time));
  return html`<li>
    <span class="muted">${Number.isFinite(time) ? formatUtc(time) : nothing}</span><span class=${level}>${level}</span>
    <span>${String(fields.msg ?? "")} <span class="muted">${more}</span></span>
  </li>`;
}

function parse(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? { ...value } : null;
  } catch {
    return null; // a line that something else wrote
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "oplog-log-tail": OplogLogTail;
  }
}
