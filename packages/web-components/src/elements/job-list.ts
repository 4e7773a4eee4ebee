import { css, html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { customElement, property } from "lit/decorators.js";
import type { Job } from "../api/answers.js";
import { ApiError, query } from "../api/api-client.js";
import { FeedController } from "../api/feed-controller.js";
import { formatAgo, formatDuration } from "../format/times.js";
import { icon } from "../icons.js";
import { OplogElement } from "../oplog-element.js";
import { styles } from "../styles.js";
import { jobProgress, kindWords } from "./job-progress.js";
import { jobProgressStyles } from "./job-progress-styles.js";

const SHOWN = 8;

/**
 * Base snapshots, verifications and restores of a cluster: what runs, and what came of the last ones.
 *
 * @element oplog-job-list
 */
@customElement("oplog-job-list")
export class OplogJobList extends OplogElement {
  static override styles = [
    styles,
    jobProgressStyles,
    css`
      li {
        display: grid;
        grid-template-columns: 16px minmax(0, 1fr) auto;
        gap: 2px 10px;
        padding: 8px 0;
        align-items: start;
      }
      li + li {
        border-top: 1px solid var(--border);
      }
      li > svg {
        margin-top: 2px;
      }
      li > div {
        overflow-wrap: anywhere;
      }
    `,
  ];

  /** Id of the cluster. */
  @property() cluster = "";

  private readonly live = new FeedController(this, () => this.connection);

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (this.asksAnew(changed) && this.cluster) void this.load();
  }

  override render(): TemplateResult {
    const jobs = [...this.live.feed.jobs.values()]
      .filter((job) => job.cluster === this.cluster)
      .sort((a, b) => b.startedAt.localeCompare(a.startedAt))
      .slice(0, SHOWN);
    if (jobs.length === 0) return html`<p class="muted">No base snapshot, verification or restore was started lately.</p>`;
    return html`<ul>${jobs.map((job) => this.job(job))}</ul>`;
  }

  private job(job: Job): TemplateResult {
    const { kind, state, startedAt, endedAt, error } = job;
    const bad = kind === "verify" && state === "done" && (job.result as { ok?: boolean } | null)?.ok === false;
    const failed = state === "failed" || bad;
    const took = endedAt ? `, took ${formatDuration(Date.parse(endedAt) - Date.parse(startedAt))}` : "";
    return html`<li>
      ${state === "running" ? icon("working", "turning") : failed ? icon("error", "danger") : state === "done" ? icon("ok", "ok") : icon("stopped")}
      <div>
        <strong>${kindWords(kind)}</strong> ${bad ? "found damage" : state}
        <div class="muted small">${formatAgo(startedAt)}${took}</div>
        ${state === "running" ? jobProgress(job) : nothing}
        ${error ? html`<div class="text-danger small">${error.message}${error.hint ? html` ${error.hint}` : nothing}</div>` : nothing}
        ${bad ? html`<div class="text-danger small">Segment ${(job.result as { bad: { segment: number; problem: string } }).bad.segment}: ${(job.result as { bad: { problem: string } }).bad.problem}</div>` : nothing}
      </div>
      ${state === "running" && !this.readonly ? html`<button class="plain" @click=${() => this.cancel(job)}>Cancel</button>` : html`<span></span>`}
    </li>`;
  }

  private async load(): Promise<void> {
    try {
      for (const job of await this.api.ask<Job[]>(`/jobs${query({ cluster: this.cluster })}`)) this.feed.noteJob(job);
    } catch (error) {
      // What runs from now on is told by the feed; what was is not worth a second error on the page.
      if (!(error instanceof ApiError)) throw error;
    }
  }

  private async cancel({ id }: Job): Promise<void> {
    try {
      this.feed.noteJob(await this.api.ask<Job>(`/jobs/${id}`, { method: "DELETE" }));
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 409)) throw error; // it has ended meanwhile: the feed says so
    }
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "oplog-job-list": OplogJobList;
  }
}
