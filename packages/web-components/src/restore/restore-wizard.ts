import { html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import type { Job, RestorePlan } from "../api/answers.js";
import { ApiError, clusterPath } from "../api/api-client.js";
import { FeedController } from "../api/feed-controller.js";
import { formField } from "../elements/form-field.js";
import { jobProgress, jobWords } from "../elements/job-progress.js";
import { jobProgressStyles } from "../elements/job-progress-styles.js";
import { failureNotice } from "../failure-notice.js";
import { millisecondsOf } from "../format/times.js";
import { icon } from "../icons.js";
import { OplogElement } from "../oplog-element.js";
import { styles } from "../styles.js";
import { type Moment, timeOf } from "../timeline/coverage-timeline.js";
import "../timeline/coverage-timeline.js";
import { planView } from "./plan-view.js";
import { reportView } from "./report-view.js";
import { EMPTY_RESTORE, type RestoreForm, requestOf } from "./restore-request.js";
import { restoreWizardStyles } from "./restore-wizard-styles.js";

/** `2026-11-22 14:05:24` as people copy it, which is UTC here. */
const asTime = (typed: string): string =>
  /^\d{4}-\d\d-\d\d \d/.test(typed) ? `${typed.replace(" ", "T").replace(/ ?(UTC|Z)?$/, "")}Z` : typed;

/**
 * Puts a deployment to a moment of a cluster's log: the moment, the target, the plan to read, the cluster's name to type, then progress and report.
 *
 * @element oplog-restore-wizard
 * @fires oplog-restore-started - `detail`: the job.
 * @fires oplog-restore-ended - `detail`: the job, with its result or error.
 * @csspart step - Each of the steps.
 */
@customElement("oplog-restore-wizard")
export class OplogRestoreWizard extends OplogElement {
  static override styles = [styles, jobProgressStyles, restoreWizardStyles];

  /** Id or name of the cluster. */
  @property() cluster = "";
  /** Shows what would be done, and does not do it: planning takes a lesser role than restoring. */
  @property({ type: Boolean, attribute: "plan-only" }) planOnly = false;
  /** Where to restore to, to begin with. */
  @property({ attribute: false }) moment: Moment | null = null;

  @state() private typedTime = "";
  @state() private values: RestoreForm = EMPTY_RESTORE;
  @state() private plan: RestorePlan | null = null;
  @state() private busy: "planning" | "starting" | null = null;
  @state() private failure: ApiError | null = null;
  @state() private confirmed = "";
  @state() private job: Job | null = null;
  private told = false;
  @query("form.target") private form!: HTMLFormElement;

  private readonly live = new FeedController(
    this,
    () => this.connection,
    (feed) => {
      if (this.job) this.watch(feed.jobs.get(this.job.id) ?? this.job);
    },
  );

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has("moment") && this.moment) {
      this.typedTime = timeOf(this.moment);
      this.plan = null;
    }
    if (changed.has("cluster") && changed.get("cluster")) this.startOver();
  }

  override render(): TemplateResult {
    const { job } = this;
    if (job) return this.run(job);
    if (this.readonly)
      return html`<ol class="steps">${this.step(1, "Moment", this.timeline())}</ol>
        <p class="panel nothing muted">Restoring is not possible from here.</p>`;
    return html`<ol class="steps">
      ${this.step(1, "Moment", this.momentStep())} ${this.step(2, "Target", this.targetStep())}
      ${this.plan ? this.step(3, "Plan", html`${planView(this.plan)}`) : nothing}
      ${this.plan ? this.step(4, "Confirm", this.confirmStep()) : nothing}
    </ol>`;
  }

  private step(number: number, title: string, content: TemplateResult): TemplateResult {
    return html`<li class="panel" part="step">
      <h2><span class="number-mark" aria-hidden="true">${number}</span>${title}</h2>
      <div class="stack">${content}</div>
    </li>`;
  }

  private timeline(): TemplateResult {
    return html`<oplog-coverage-timeline
        cluster=${this.cluster}
        endpoint=${this.endpoint}
        .getToken=${this.getToken}
        .moment=${this.moment}
        @oplog-moment-change=${(event: CustomEvent<Moment>) => {
          this.moment = event.detail;
        }}
      ></oplog-coverage-timeline>`;
  }

  private momentStep(): TemplateResult {
    return html`${this.timeline()}
      <form class="time" @submit=${(event: Event) => event.preventDefault()} @input=${this.onTime}>
        ${formField({
          name: "time",
          label: "Restore to",
          value: this.typedTime,
          mono: true,
          required: true,
          placeholder: "2026-11-22T14:05:24.269Z",
          hint: "Everything up to here, inclusive. ISO-8601, a cluster time t,i, now, or a resume token.",
        })}
      </form>`;
  }

  private targetStep(): TemplateResult {
    const { values } = this;
    const list = (name: "ns" | "excludeNs" | "rename", label: string, placeholder: string) => html`<div class="field">
      <label for=${name}>${label} <span class="muted optional">optional</span></label>
      <textarea id=${name} name=${name} rows="2" class="mono" placeholder=${placeholder} spellcheck="false" .value=${values[name]}></textarea>
    </div>`;
    const problems = Object.fromEntries((this.failure?.fields ?? []).map(({ field, problem }) => [field, problem]));
    return html`<form class="target stack" novalidate @submit=${this.onPlan} @input=${this.onInput} @change=${this.onInput}>
      ${formField({
        name: "target",
        label: "Target",
        value: values.target,
        mono: true,
        required: true,
        placeholder: "mongodb://host:27017/?replicaSet=restored",
        hint: "Another deployment, empty. env:NAME or file-ref:/path keeps its password out of here.",
        problem: problems.target,
      })}
      <details>
        <summary>Filters, renames, options</summary>
        <div class="fields">
          ${list("ns", "Only these namespaces", "shop.*")} ${list("excludeNs", "Not these namespaces", "shop.sessions")}
          ${list("rename", "Rename", "shop.*=shop_restored.*")}
          ${formField({ name: "lanes", label: "Lanes", value: values.lanes, type: "number", placeholder: "as many as fit" })}
          <label class="choice"><input type="checkbox" name="force" .checked=${values.force} />The target may hold data: what is in the way is dropped, the rest stays</label>
          <label class="choice"><input type="checkbox" name="resume" .checked=${values.resume} />Go on with an interrupted restore onto this target</label>
        </div>
      </details>
      ${this.failure && !problems.target ? failureNotice(this.failure) : nothing}
      <div class="row">
        <button class=${this.plan ? "" : "primary"} ?disabled=${this.busy !== null || !this.typedTime.trim() || !values.target.trim()}>
          ${this.plan ? "Plan again" : "Show the plan"}${this.busy === "planning" ? icon("working", "turning") : nothing}
        </button>
        <span class="muted">Nothing is changed by that.</span>
      </div>
    </form>`;
  }

  private confirmStep(): TemplateResult {
    const { name } = this.live.feed.find(this.cluster) ?? { name: this.cluster };
    if (this.planOnly) return html`<p class="muted">Restoring needs the role admin.</p>`;
    return html`<form class="stack" @submit=${(event: Event) => this.onRestore(event, name)} @input=${(event: InputEvent) => {
      this.confirmed = (event.target as HTMLInputElement).value;
    }}>
      ${formField({ name: "confirm", label: `Type ${name} to confirm`, value: this.confirmed, required: true, mono: true })}
      <div>
        <button class="primary" ?disabled=${this.confirmed !== name || this.busy !== null}>Restore${this.busy === "starting" ? icon("working", "turning") : nothing}</button>
      </div>
    </form>`;
  }

  private run(job: Job): TemplateResult {
    const { state, error } = job;
    return html`<section class="panel stack" aria-live="polite" part="step">
      <h2>${jobWords(job)}</h2>
      ${state === "running" ? jobProgress(job) : nothing}
      ${state === "done" ? html`<div class="notice ok">${icon("ok")}<strong>The target is in the state of the chosen moment.</strong></div>${reportView(job)}` : nothing}
      ${error ? failureNotice(error) : nothing}
      ${state === "cancelled" ? html`<p>The target holds a part of it. Start again with “Go on with an interrupted restore” to finish.</p>` : nothing}
      <div class="row">
        ${this.readonly ? nothing : state === "running" ? html`<button @click=${() => this.cancel(job)}>Cancel</button>` : html`<button @click=${this.startOver}>Another restore</button>`}
      </div>
    </section>`;
  }

  private readonly onTime = (event: Event): void => {
    this.typedTime = (event.target as HTMLInputElement).value;
    this.plan = null;
    const text = asTime(this.typedTime.trim());
    const clusterTime = /^\d+,\d+$/.test(text) ? text : undefined;
    const time = clusterTime ? millisecondsOf(clusterTime) : Date.parse(text);
    // Shown on the timeline where it can be; what else is typed is for the server to say.
    if (!Number.isNaN(time))
      this.renderRoot.querySelector("oplog-coverage-timeline")!.moment = { time, ...(clusterTime && { clusterTime }) };
  };

  private readonly onInput = (): void => {
    const given = new FormData(this.form);
    const text = (name: keyof RestoreForm): string => String(given.get(name) ?? "");
    this.values = {
      ...{ target: text("target"), ns: text("ns"), excludeNs: text("excludeNs"), rename: text("rename"), lanes: text("lanes") },
      ...{ force: given.has("force"), resume: given.has("resume") },
    };
    this.plan = null;
    this.failure = null;
  };

  private readonly onPlan = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (this.readonly || this.busy) return;
    this.busy = "planning";
    this.plan = this.failure = null;
    try {
      this.plan = await this.ask<RestorePlan>("?dryRun=true");
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.failure = error;
    } finally {
      this.busy = null;
    }
  };

  private readonly onRestore = async (event: Event, name: string): Promise<void> => {
    event.preventDefault();
    if (this.readonly || this.planOnly || this.busy || this.confirmed !== name) return;
    this.busy = "starting";
    try {
      const job = await this.ask<Job>("", { confirm: name });
      this.told = false;
      this.feed.noteJob(job);
      this.job = job;
      this.emit("oplog-restore-started", job);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.failure = error;
      this.plan = null;
    } finally {
      this.busy = null;
    }
  };

  private ask<T>(search: string, more: Record<string, string> = {}): Promise<T> {
    const body = { ...requestOf(asTime(this.typedTime.trim()), this.values), ...more };
    return this.api.ask<T>(clusterPath(this.cluster, `/restores${search}`), { method: "POST", body });
  }

  private watch(job: Job): void {
    this.job = job;
    if (job.state === "running" || this.told) return;
    this.told = true;
    this.emit("oplog-restore-ended", job);
  }

  private async cancel({ id }: Job): Promise<void> {
    try {
      await this.api.ask(`/jobs/${id}`, { method: "DELETE" });
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 409)) throw error; // it has ended meanwhile: the feed says so
    }
  }

  private readonly startOver = (): void => {
    this.job = this.plan = this.failure = null;
    this.confirmed = "";
  };
}

declare global {
  interface HTMLElementTagNameMap {
    "oplog-restore-wizard": OplogRestoreWizard;
  }
}
