import { css, html, nothing } from "lit";
import { customElement } from "lit/decorators.js";
import { FeedController } from "../api/feed-controller.js";
import { formatUtc } from "../format/times.js";
import { icon } from "../icons.js";
import { OplogElement } from "../oplog-element.js";
import { styles } from "../styles.js";

/**
 * Says whether what is shown is of now.
 *
 * @element oplog-connection-state
 */
@customElement("oplog-connection-state")
export class OplogConnectionState extends OplogElement {
  static override styles = [
    styles,
    css`
      .state {
        display: inline-flex;
        gap: 6px;
        align-items: center;
        font-size: 12px;
        min-height: 20px;
      }
      .live svg {
        width: 10px;
        color: var(--ok);
      }
      .stale {
        padding: 2px 10px;
        border-radius: 99px;
        background: var(--warn-soft);
        color: var(--warn);
        font-weight: 500;
      }
    `,
  ];

  private readonly live = new FeedController(this, () => this.connection);

  override render() {
    const { state, heardAt } = this.live.feed;
    return html`<div role="status">${
      state === "live"
        ? html`<span class="state live muted">${icon("running")}Live</span>`
        : state === "stale"
          ? html`<span class="state stale">${icon("retrying")}Connection lost, ${heardAt ? `as of ${formatUtc(heardAt).slice(11)} UTC` : "nothing heard yet"}</span>`
          : state === "connecting"
            ? html`<span class="state muted">${icon("working", "turning")}Connecting</span>`
            : nothing
    }</div>`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "oplog-connection-state": OplogConnectionState;
  }
}
