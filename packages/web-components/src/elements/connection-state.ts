import { css, html, type TemplateResult } from "lit";
import { customElement } from "lit/decorators.js";
import { FeedController } from "../api/feed-controller.js";
import { icon } from "../icons.js";
import { OplogElement } from "../oplog-element.js";
import { styles } from "../styles.js";
import { staleBadge, staleBadgeStyles } from "./stale-badge.js";

/**
 * Says whether what is shown is of now.
 *
 * @element oplog-connection-state
 */
@customElement("oplog-connection-state")
export class OplogConnectionState extends OplogElement {
  static override styles = [
    styles,
    staleBadgeStyles,
    css`
      [role="status"] {
        display: flex;
      }
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
    `,
  ];

  private readonly live = new FeedController(this, () => this.connection);

  override render(): TemplateResult {
    const { feed } = this.live;
    const { state } = feed;
    return html`<div role="status">${
      state === "live"
        ? html`<span class="state live muted">${icon("running")}Live</span>`
        : state === "connecting"
          ? html`<span class="state muted">${icon("working", "turning")}Connecting</span>`
          : staleBadge(feed)
    }</div>`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "oplog-connection-state": OplogConnectionState;
  }
}
