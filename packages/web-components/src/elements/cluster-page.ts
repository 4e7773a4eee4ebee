import { html, nothing, type TemplateResult } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import type { Cluster, Job } from "../api/answers.js";
import { ApiError, type AskOptions, clusterPath, query as search } from "../api/api-client.js";
import { FeedController } from "../api/feed-controller.js";
import { failureNotice, missingCluster } from "../failure-notice.js";
import { icon } from "../icons.js";
import { OplogElement } from "../oplog-element.js";
import { styles } from "../styles.js";
import { type Danger, dangerWords } from "./cluster-dangers.js";
import { clusterPageStyles } from "./cluster-page-styles.js";
import type { OplogConfirmDialog } from "./confirm-dialog.js";
import { type ClusterTab, clusterHash } from "./route.js";
import { stateBadge } from "./state-badge.js";
import { stateBadgeStyles } from "./state-badge-styles.js";
import { tabParameters } from "./tab-parameters.js";
import "../events/document-history.js";
import "../events/event-browser.js";
import "../restore/restore-wizard.js";
import "./cluster-form.js";
import "./cluster-overview.js";
import "./confirm-dialog.js";
import "./log-tail.js";

const TABS: [ClusterTab, string][] = [
  ["overview", "Overview"],
  ["events", "Events"],
  ["history", "Document history"],
  ["restore", "Restore"],
  ["log", "Log"],
  ["settings", "Settings"],
];

/**
 * One cluster with everything that can be seen of it and done with it.
 *
 * @element oplog-cluster-page
 * @fires oplog-cluster-removed - It was de-registered; `detail: {id, name}`.
 */
@customElement("oplog-cluster-page")
export class OplogClusterPage extends OplogElement {
  static override styles = [styles, stateBadgeStyles, clusterPageStyles];

  /** Id or name of the cluster. */
  @property() cluster = "";
  @property() tab: ClusterTab = "overview";
  /** What the tab begins with: filters of events, a moment, a document. */
  @property({ attribute: false }) parameters = new URLSearchParams();
  /** What may be offered; the API refuses anyway. */
  @property({ attribute: "user-role" }) userRole: "viewer" | "operator" | "admin" = "admin";

  @state() private failure: ApiError | null = null;
  @state() private busy = false;
  @state() private danger: Danger = "reset";
  @state() private keepData = false;
  private tabInSight: ClusterTab | null = null;
  @query("oplog-confirm-dialog") private dialog!: OplogConfirmDialog;

  private readonly live = new FeedController(this, () => this.connection);

  override render(): TemplateResult {
    const { feed } = this.live;
    const cluster = feed.find(this.cluster);
    if (!cluster) return missingCluster(feed, this.cluster);
    const tabs = TABS.filter(([tab]) => !this.readonly || tab !== "restore");
    return html`
      <div class="row spread head">
        <div class="row title"><h1>${cluster.name}</h1>${stateBadge(cluster)}</div>
        ${this.readonly ? nothing : this.actions(cluster)}
      </div>
      <nav class="tabs" aria-label="Parts of this cluster">
        ${tabs.map(([tab, words]) => html`<a href=${clusterHash(cluster.name, tab)} aria-current=${tab === this.tab ? "page" : nothing}>${words}</a>`)}
      </nav>
      ${this.error(cluster)} ${this.content(cluster)} ${this.readonly ? nothing : this.confirm(cluster)}
    `;
  }

  /** On a narrow page not all tabs are in sight at once. */
  protected override updated(): void {
    const current = this.renderRoot.querySelector<HTMLElement>('.tabs [aria-current="page"]');
    if (!current || this.tabInSight === this.tab) return;
    this.tabInSight = this.tab;
    const tabs = current.parentElement!;
    tabs.scrollLeft = current.offsetLeft - tabs.offsetLeft - (tabs.clientWidth - current.clientWidth) / 2;
  }

  private actions(cluster: Cluster): TemplateResult {
    const running = cluster.desired === "running" && !cluster.state.startsWith("error");
    return html`<div class="row">
      ${
        running
          ? html`<button ?disabled=${this.busy} @click=${() => this.act(cluster, "/stop")}>Stop</button>`
          : html`<button class="primary" ?disabled=${this.busy} @click=${() => this.act(cluster, "/start")}>Start</button>`
      }
      <button ?disabled=${this.busy || cluster.coveredTo === null} @click=${() => this.job(cluster, "/snapshots")}>Take a base snapshot</button>
      <button ?disabled=${this.busy} @click=${() => this.job(cluster, "/verify")}>Verify</button>
    </div>`;
  }

  /** What is wrong, and what can be done about it here. */
  private error(cluster: Cluster): TemplateResult | typeof nothing {
    const { error, state } = cluster;
    const lost = state === "error_resume_token_lost";
    const offers =
      this.readonly || !lost
        ? nothing
        : html`<div class="row">
            <button @click=${() => this.ask("gap")}>Continue over the gap</button>
            ${this.userRole === "admin" ? html`<button class="danger" @click=${() => this.ask("reset")}>Reset</button>` : nothing}
          </div>`;
    return html`
      ${this.failure ? failureNotice(this.failure) : nothing}
      ${
        error
          ? html`<div class="notice ${state.startsWith("error") ? "danger" : "warn"}" role="status">
              ${icon(state.startsWith("error") ? "error" : "retrying")}<strong>${error.message}${error.attempt ? ` (try ${error.attempt})` : ""}</strong>
              <span>${error.hint}</span>${offers}
            </div>`
          : nothing
      }
    `;
  }

  private content(cluster: Cluster): TemplateResult {
    const { filters, moment, ns, documentId } = tabParameters(this.parameters);
    switch (this.tab) {
      case "events":
        return html`<oplog-event-browser
          cluster=${cluster.name}
          endpoint=${this.endpoint}
          .getToken=${this.getToken}
          .filters=${filters}
          ?readonly=${this.readonly}
          @oplog-restore-before=${this.onRestoreBefore}
          @oplog-document-open=${this.onDocumentOpen}
        ></oplog-event-browser>`;
      case "history":
        return html`<oplog-document-history
          cluster=${cluster.name}
          endpoint=${this.endpoint}
          .getToken=${this.getToken}
          ns=${ns}
          document-id=${documentId}
          ?readonly=${this.readonly}
          @oplog-restore-before=${this.onRestoreBefore}
        ></oplog-document-history>`;
      case "restore":
        return html`<oplog-restore-wizard
          cluster=${cluster.name}
          endpoint=${this.endpoint}
          .getToken=${this.getToken}
          .moment=${moment}
          ?readonly=${this.readonly}
          ?plan-only=${this.userRole !== "admin"}
        ></oplog-restore-wizard>`;
      case "log":
        return html`<oplog-log-tail cluster=${cluster.name} endpoint=${this.endpoint} .getToken=${this.getToken}></oplog-log-tail>`;
      case "settings":
        return this.settings(cluster);
      default:
        return html`<oplog-cluster-overview
          cluster=${cluster.name}
          endpoint=${this.endpoint}
          .getToken=${this.getToken}
          ?readonly=${this.readonly}
        ></oplog-cluster-overview>`;
    }
  }

  private settings({ name }: Cluster): TemplateResult {
    const locked = this.readonly || this.userRole !== "admin";
    return html`<section class="panel settings">
        <oplog-cluster-form cluster=${name} endpoint=${this.endpoint} .getToken=${this.getToken} ?readonly=${locked}></oplog-cluster-form>
      </section>
      ${
        locked
          ? nothing
          : html`<section class="panel settings stack" aria-labelledby="dangers">
              <h2 id="dangers">What can't be undone</h2>
              <div class="danger-row">
                <div><strong>Reset</strong><p class="muted">Stops, wipes the log and its position, and starts from now. Base snapshots go too.</p></div>
                <button class="danger" @click=${() => this.ask("reset")}>Reset …</button>
              </div>
              <div class="danger-row">
                <div><strong>Remove</strong><p class="muted">Stops, and deletes the registration; the log is wiped, or kept if you say so.</p></div>
                <button class="danger" @click=${() => this.ask("remove")}>Remove …</button>
              </div>
            </section>`
      }`;
  }

  private confirm(cluster: Cluster): TemplateResult {
    const { title, action, text, word } = dangerWords(this.danger, cluster, this.keepData);
    const keep = html`<label class="choice"><input type="checkbox" .checked=${this.keepData} @change=${(event: Event) => {
      this.keepData = (event.target as HTMLInputElement).checked;
    }} />Keep the log and its base snapshots in the store</label>`;
    return html`<oplog-confirm-dialog
      .title=${title}
      action=${action}
      word=${word}
      ?harmless=${this.danger === "gap"}
      @oplog-confirm=${() => this.doDanger(cluster)}
      ><div class="stack"><p>${text}</p>${this.danger === "remove" ? keep : nothing}</div></oplog-confirm-dialog
    >`;
  }

  private ask(danger: Danger): void {
    this.danger = danger;
    this.keepData = false;
    void this.updateComplete.then(() => this.dialog.show());
  }

  private async doDanger(cluster: Cluster): Promise<void> {
    const { id, name } = cluster;
    if (this.danger === "gap") return this.act(cluster, "/start", { acceptGap: true });
    if (this.danger === "reset") return this.act(cluster, "/reset", { confirm: name });
    const removed = await this.request(`${clusterPath(id)}${search({ keepData: this.keepData })}`, { method: "DELETE" });
    if (removed !== undefined) this.emit("oplog-cluster-removed", { id, name });
  }

  private async act({ id }: Cluster, path: string, body?: Record<string, unknown>): Promise<void> {
    const cluster = await this.request<Cluster>(clusterPath(id, path), { method: "POST", body });
    if (cluster) this.feed.note(cluster);
  }

  private async job({ id }: Cluster, path: string): Promise<void> {
    const job = await this.request<Job>(clusterPath(id, path), { method: "POST" });
    if (job) this.feed.noteJob(job);
  }

  /** Undefined when it was refused: the page says why. */
  private async request<T>(path: string, options: AskOptions): Promise<T | undefined> {
    this.busy = true;
    this.failure = null;
    try {
      return await this.api.ask<T>(path, options);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.failure = error;
      return undefined;
    } finally {
      this.busy = false;
    }
  }

  private readonly onRestoreBefore = (event: CustomEvent<{ time: number; clusterTime: string }>): void => {
    if (!event.defaultPrevented)
      this.emit("oplog-go", {
        hash: clusterHash(this.cluster, "restore", { time: String(event.detail.time), at: event.detail.clusterTime }),
      });
  };

  private readonly onDocumentOpen = (event: CustomEvent<{ ns: string; id: string }>): void => {
    if (!event.defaultPrevented)
      this.emit("oplog-go", { hash: clusterHash(this.cluster, "history", { ns: event.detail.ns, id: event.detail.id }) });
  };
}

declare global {
  interface HTMLElementTagNameMap {
    "oplog-cluster-page": OplogClusterPage;
  }
}
