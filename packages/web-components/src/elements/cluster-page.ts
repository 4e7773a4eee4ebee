import { html, nothing, type TemplateResult } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import type { Cluster, Job } from "../api/answers.js";
import { ApiError, type AskOptions, clusterPath, query as search } from "../api/api-client.js";
import { FeedController } from "../api/feed-controller.js";
import { NO_FILTERS } from "../events/event-list.js";
import { formatBytes, formatNumber, formatRate } from "../format/amounts.js";
import { formatAgo, formatLocal, formatUtc, millisecondsOf } from "../format/times.js";
import { icon } from "../icons.js";
import { OplogElement } from "../oplog-element.js";
import { styles } from "../styles.js";
import type { Moment } from "../timeline/coverage-timeline.js";
import { clusterFigureStyles } from "./cluster-figure-styles.js";
import { headroomFigure, lagFigure } from "./cluster-figures.js";
import { clusterPageStyles } from "./cluster-page-styles.js";
import type { OplogConfirmDialog } from "./confirm-dialog.js";
import { type ClusterTab, clusterHash } from "./route.js";
import { stateBadge } from "./state-badge.js";
import { stateBadgeStyles } from "./state-badge-styles.js";
import "../chart/lag-chart.js";
import "../chart/rate-chart.js";
import "../events/document-history.js";
import "../events/event-browser.js";
import "../restore/restore-wizard.js";
import "../timeline/coverage-timeline.js";
import "./cluster-form.js";
import "./confirm-dialog.js";
import "./job-list.js";
import "./log-tail.js";

const TABS: [ClusterTab, string][] = [
  ["overview", "Overview"],
  ["events", "Events"],
  ["history", "Document history"],
  ["restore", "Restore"],
  ["log", "Log"],
  ["settings", "Settings"],
];

type Danger = "reset" | "remove" | "gap";

/**
 * One cluster with everything that can be seen of it and done with it.
 *
 * @element oplog-cluster-page
 * @fires oplog-cluster-removed - It was de-registered; `detail: {id, name}`.
 */
@customElement("oplog-cluster-page")
export class OplogClusterPage extends OplogElement {
  static override styles = [styles, stateBadgeStyles, clusterFigureStyles, clusterPageStyles];

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
  @query("oplog-confirm-dialog") private dialog!: OplogConfirmDialog;

  private readonly live = new FeedController(this, () => this.connection);

  override render() {
    const { feed } = this.live;
    const cluster = feed.find(this.cluster);
    if (!cluster)
      return feed.loaded
        ? html`<div class="panel nothing"><h1>There is no cluster ${this.cluster}</h1><p class="muted">It was removed, or your token may not see it.</p></div>`
        : html`<p class="panel nothing muted" role="status">Loading …</p>`;
    return html`
      <div class="row spread head">
        <div class="row title"><h1>${cluster.name}</h1>${stateBadge(cluster)}</div>
        ${this.readonly ? nothing : this.actions(cluster)}
      </div>
      <nav class="tabs" aria-label="Parts of this cluster">
        ${TABS.map(([tab, words]) => html`<a href=${clusterHash(cluster.name, tab)} aria-current=${tab === this.tab ? "page" : nothing}>${words}</a>`)}
      </nav>
      ${this.error(cluster)} ${this.content(cluster)} ${this.readonly ? nothing : this.confirm(cluster)}
    `;
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
      ${
        this.failure
          ? html`<div class="notice danger" role="alert">${icon("error")}<strong>${this.failure.message}</strong><span>${this.failure.hint}</span></div>`
          : nothing
      }
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
    switch (this.tab) {
      case "events":
        return html`<oplog-event-browser
          cluster=${cluster.name}
          endpoint=${this.endpoint}
          .getToken=${this.getToken}
          .filters=${this.filtersOf(this.parameters)}
          @oplog-restore-before=${this.onRestoreBefore}
          @oplog-document-open=${this.onDocumentOpen}
        ></oplog-event-browser>`;
      case "history":
        return html`<oplog-document-history
          cluster=${cluster.name}
          endpoint=${this.endpoint}
          .getToken=${this.getToken}
          ns=${this.parameters.get("ns") ?? ""}
          document-id=${this.parameters.get("id") ?? ""}
          @oplog-restore-before=${this.onRestoreBefore}
        ></oplog-document-history>`;
      case "restore":
        return html`<oplog-restore-wizard
          cluster=${cluster.name}
          endpoint=${this.endpoint}
          .getToken=${this.getToken}
          .moment=${this.momentOf(this.parameters)}
          ?readonly=${this.readonly || this.userRole !== "admin"}
        ></oplog-restore-wizard>`;
      case "log":
        return html`<oplog-log-tail cluster=${cluster.name} endpoint=${this.endpoint} .getToken=${this.getToken}></oplog-log-tail>`;
      case "settings":
        return this.settings(cluster);
      default:
        return this.overview(cluster);
    }
  }

  private overview(cluster: Cluster): TemplateResult {
    const { name, id } = cluster;
    return html`
      ${this.figures(cluster)}
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
      ${this.about(cluster)}
    `;
  }

  @state() private moment: Moment | null = null;

  private chosen(cluster: Cluster): TemplateResult {
    const { moment } = this;
    if (!moment) return html`<span></span>`;
    const { time, clusterTime } = moment;
    return html`<div class="row">
      <a class="button" href=${clusterHash(cluster.name, "events", { to: new Date(time + 1_000).toISOString() })}>Events up to here</a>
      <a class="button primary" href=${clusterHash(cluster.name, "restore", { time: String(time), ...(clusterTime && { at: clusterTime }) })}>Restore to here</a>
    </div>`;
  }

  private figures(cluster: Cluster): TemplateResult {
    const { log, coveredTo } = cluster;
    const figure = (title: string, value: unknown, more?: unknown) =>
      html`<div><dt>${title}</dt><dd>${value}${more ? html`<span class="small muted more">${more}</span>` : nothing}</dd></div>`;
    return html`<dl class="figures">
      ${figure("Lag", lagFigure(cluster), coveredTo ? `covered to ${formatUtc(millisecondsOf(coveredTo)).slice(11)} UTC` : "")}
      ${figure("Headroom", headroomFigure(cluster), cluster.headroomUnknown)}
      ${figure("Events/s", formatRate(cluster.eventsPerSecond), cluster.bytesPerSecond === null ? "" : `${formatBytes(cluster.bytesPerSecond)}/s`)}
      ${figure("In the log", log ? formatNumber(log.events) : "–", log ? `events, ${formatBytes(log.bytes)}` : "")}
      ${figure("Stored", formatBytes(cluster.storedBytes), log ? `${formatNumber(log.segments)} segments, ${formatNumber(log.snapshots)} base ${log.snapshots === 1 ? "snapshot" : "snapshots"}` : "")}
      ${figure("Last event", formatAgo(cluster.lastEventAt), cluster.lastEventAt ? `${formatUtc(cluster.lastEventAt).slice(11)} UTC` : "")}
    </dl>`;
  }

  private about(cluster: Cluster): TemplateResult {
    const { retention } = cluster;
    const kept = [
      ...(retention.maxAgeHours === undefined ? [] : [`${retention.maxAgeHours} h`]),
      ...(retention.maxBytes === undefined ? [] : [formatBytes(retention.maxBytes)]),
    ];
    const rows: [string, unknown][] = [
      ["Source", html`<span class="mono">${cluster.connectionString}</span>`],
      ["Database", cluster.database ?? "the whole deployment"],
      ["Store", html`<span class="mono">${cluster.storeUri}</span>`],
      ["Captured by", cluster.captureInUse ?? cluster.capture],
      ["Kept", kept.length === 0 ? "for ever" : `at most ${kept.join(", ")}`],
      ["Base snapshots", cluster.snapshotEveryHours === null ? "only by hand" : `every ${cluster.snapshotEveryHours} h`],
      [
        "First event",
        cluster.firstEventAt
          ? html`${formatUtc(cluster.firstEventAt)} UTC <span class="muted">${formatLocal(cluster.firstEventAt)}</span>`
          : "–",
      ],
      ["Runs on", cluster.node ? `${cluster.node}${cluster.pid ? `, pid ${cluster.pid}` : ""}` : "–"],
    ];
    return html`<section class="panel" aria-labelledby="about">
      <header><h2 id="about">About</h2></header>
      <dl class="about">${rows.map(([title, value]) => html`<div><dt>${title}</dt><dd>${value}</dd></div>`)}</dl>
      ${cluster.notes.map((note) => html`<p class="muted note">${note}</p>`)}
    </section>`;
  }

  private settings(cluster: Cluster): TemplateResult {
    const locked = this.readonly || this.userRole !== "admin";
    return html`<section class="panel">
        <oplog-cluster-form cluster=${cluster.name} endpoint=${this.endpoint} .getToken=${this.getToken} ?readonly=${locked}></oplog-cluster-form>
      </section>
      ${
        locked
          ? nothing
          : html`<section class="panel stack" aria-labelledby="dangers">
              <h2 id="dangers">What can't be undone</h2>
              <div class="row spread">
                <div><strong>Reset</strong><p class="muted">Stops, wipes the log and its position, and starts from now. Base snapshots go too.</p></div>
                <button class="danger" @click=${() => this.ask("reset")}>Reset …</button>
              </div>
              <div class="row spread">
                <div><strong>Remove</strong><p class="muted">Stops, and deletes the registration; the log is wiped, or kept if you say so.</p></div>
                <button class="danger" @click=${() => this.ask("remove")}>Remove …</button>
              </div>
            </section>`
      }`;
  }

  private confirm(cluster: Cluster): TemplateResult {
    const { name } = cluster;
    const texts: Record<Danger, { title: string; action: string; text: TemplateResult }> = {
      reset: {
        title: `Reset ${name}?`,
        action: "Wipe and start anew",
        text: html`<p>Everything that its log holds is wiped${cluster.log ? html`: ${formatNumber(cluster.log.events)} events, ${formatNumber(cluster.log.snapshots)} base snapshots` : nothing}. No moment before now can be restored after that.</p>`,
      },
      remove: {
        title: `Remove ${name}?`,
        action: this.keepData ? "Remove" : "Remove and wipe",
        text: html`<p>Its collector stops and its registration is deleted.</p>
          <label class="choice"><input type="checkbox" .checked=${this.keepData} @change=${(event: Event) => {
            this.keepData = (event.target as HTMLInputElement).checked;
          }} />Keep the log and its base snapshots in the store</label>`,
      },
      gap: {
        title: "Continue over the gap?",
        action: "Continue",
        text: html`<p>What the log holds stays. What happened between its end and the oldest event that the source still has is lost: it is stored as a gap, and no moment in it can be restored. A new base snapshot is needed for what comes after.</p>`,
      },
    };
    const { title, action, text } = texts[this.danger];
    return html`<oplog-confirm-dialog
      .title=${title}
      action=${action}
      word=${this.danger === "gap" ? "" : name}
      ?harmless=${this.danger === "gap"}
      @oplog-confirm=${() => this.doDanger(cluster)}
      >${text}</oplog-confirm-dialog
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

  private memo: { parameters: URLSearchParams; filters: typeof NO_FILTERS; moment: Moment | null } | null = null;

  /** The same object for the same parameters: another would begin anew. */
  private of(parameters: URLSearchParams) {
    if (this.memo?.parameters !== parameters) {
      const text = (name: string): string => parameters.get(name) ?? "";
      const time = Number(parameters.get("time"));
      const clusterTime = parameters.get("at") ?? undefined;
      this.memo = {
        parameters,
        filters: { ...NO_FILTERS, ns: text("ns"), op: text("op"), id: text("id"), from: text("from"), to: text("to") },
        moment: time > 0 ? { time, ...(clusterTime && { clusterTime }) } : null,
      };
    }
    return this.memo;
  }

  private filtersOf(parameters: URLSearchParams) {
    return this.of(parameters).filters;
  }

  private momentOf(parameters: URLSearchParams): Moment | null {
    return this.of(parameters).moment;
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
