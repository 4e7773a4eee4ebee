import { css, html, nothing, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import type { Cluster } from "../api/answers.js";
import { ApiError } from "../api/api-client.js";
import { failureNotice } from "../failure-notice.js";
import { icon } from "../icons.js";
import { OplogElement } from "../oplog-element.js";
import { styles } from "../styles.js";

/** What will happen, in three words each. */
const STEPS = [
  ["Register", "Where the source is, and where its log is to go: a folder, another MongoDB, or object storage."],
  ["Capture", "Every change is written to the log as the server sent it, within a second or so."],
  ["Restore", "Pick a moment, just before the mistake, and put another deployment into that state."],
] as const;

/**
 * The first minute: nothing is registered yet.
 *
 * @element oplog-first-cluster
 * @fires oplog-cluster-registered - The sample was; `detail`: the cluster as the API shows it.
 */
@customElement("oplog-first-cluster")
export class OplogFirstCluster extends OplogElement {
  static override styles = [
    styles,
    css`
      :host {
        container-type: inline-size;
      }
      section.panel {
        max-width: 760px;
        margin: 6vh auto 0;
        padding: 32px;
        display: grid;
        gap: 20px;
      }
      ol {
        display: grid;
        gap: 12px 24px;
        grid-template-columns: repeat(auto-fit, minmax(min(100%, 190px), 1fr));
        padding-block: 16px;
        border-block: 1px solid var(--border);
      }
      @container (max-width: 600px) {
        section.panel {
          margin-top: 0;
          padding: 20px;
        }
      }
    `,
  ];

  /** The server offers a sample cluster. */
  @property({ type: Boolean }) sample = false;
  @state() private failure: ApiError | null = null;
  @state() private starts = false;

  override render(): TemplateResult {
    return html`<section class="panel" aria-labelledby="first">
      <h1 id="first">Record every change, go back to any moment</h1>
      <ol>
        ${STEPS.map(([title, text]) => html`<li><strong>${title}</strong><p class="muted">${text}</p></li>`)}
      </ol>
      ${this.readonly ? html`<p class="muted">Nothing is registered yet. Registering needs the role admin.</p>` : this.offers()}
      ${this.failure ? failureNotice(this.failure) : nothing}
    </section>`;
  }

  private offers() {
    return html`<div class="row">
        <a class="button primary" href="#/register">Register a cluster</a>
        ${this.sample ? html`<button ?disabled=${this.starts} @click=${this.onSample}>Try it with a sample cluster${this.starts ? icon("working", "turning") : nothing}</button>` : nothing}
      </div>
      ${this.sample ? html`<p class="muted small">The sample is a small MongoDB on this machine with a shop that sells things all the time. Removing the cluster removes it.</p>` : nothing}`;
  }

  private readonly onSample = async (): Promise<void> => {
    this.starts = true;
    this.failure = null;
    try {
      const cluster = await this.api.ask<Cluster>("/sample", { method: "POST" });
      this.feed.note(cluster);
      this.emit("oplog-cluster-registered", cluster);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.failure = error;
    } finally {
      this.starts = false;
    }
  };
}

declare global {
  interface HTMLElementTagNameMap {
    "oplog-first-cluster": OplogFirstCluster;
  }
}
