import { css, html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import type { Cluster, DoctorCheck } from "../api/answers.js";
import { ApiError, clusterPath } from "../api/api-client.js";
import { failureNotice } from "../failure-notice.js";
import { icon } from "../icons.js";
import { OplogElement } from "../oplog-element.js";
import { styles } from "../styles.js";
import {
  changeOf,
  EMPTY_VALUES,
  FIELD_NAMES,
  type FormValues,
  problemsOf,
  problemsOfChecks,
  registrationOf,
  valuesOf,
} from "./cluster-form-values.js";
import { formField } from "./form-field.js";

/**
 * Registers a cluster, or changes one. Tests the connection before that, and shows what is wrong beside the field that it is wrong with.
 *
 * @element oplog-cluster-form
 * @fires oplog-cluster-registered - `detail`: the cluster as the API shows it.
 * @fires oplog-cluster-changed - `detail`: the cluster as the API shows it.
 * @fires oplog-cancel - The user does not want to after all.
 * @csspart form - The form.
 * @slot actions - Buttons beside those of the form.
 */
@customElement("oplog-cluster-form")
export class OplogClusterForm extends OplogElement {
  static override styles = [
    styles,
    css`
      form {
        display: grid;
        gap: 24px;
        max-width: 760px;
      }
      .fields {
        display: grid;
        gap: 16px;
        grid-template-columns: repeat(auto-fit, minmax(min(100%, 300px), 1fr));
      }
      .wide {
        grid-column: 1 / -1;
      }
      legend {
        font: 600 14px / 20px var(--font);
        margin-bottom: 12px;
      }
      summary {
        font-weight: 500;
      }
      details > .fields {
        margin-top: 16px;
      }
      .checks {
        display: grid;
        border: 1px solid var(--border);
        border-radius: var(--radius);
      }
      .checks > li {
        display: grid;
        grid-template-columns: 16px minmax(0, 1fr);
        gap: 0 10px;
        padding: 8px 12px;
        overflow-wrap: anywhere;
      }
      .checks > li + li {
        border-top: 1px solid var(--border);
      }
      .checks svg {
        margin-top: 2px;
      }
    `,
  ];

  /** Id or name of the cluster to change; empty: a new one is registered. */
  @property() cluster = "";
  /** Has a button to give up. */
  @property({ type: Boolean }) cancelable = false;

  @state() private values: FormValues = EMPTY_VALUES;
  @state() private problems: Partial<Record<string, string>> = {};
  @state() private failure: ApiError | null = null;
  @state() private checks: readonly DoctorCheck[] | null = null;
  @state() private busy: "testing" | "saving" | null = null;
  @state() private current: Cluster | null = null;
  @query("form") private form!: HTMLFormElement;

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (this.asksAnew(changed)) void this.load();
  }

  override render(): TemplateResult {
    const isNew = this.cluster === "";
    const disabled = this.readonly || this.busy !== null || (!isNew && !this.current);
    return html`<form part="form" novalidate @submit=${this.onSubmit} @input=${this.onInput} @change=${this.onInput}>
      <fieldset ?disabled=${this.readonly}>
        <legend>Source and store</legend>
        <div class="fields">
          ${isNew ? this.field("name", "Name", { required: true, placeholder: "shop", hint: "What the log is called. It can't be changed later." }) : nothing}
          ${this.field("database", "Database", { placeholder: "the whole deployment", hint: "Only this one database of the source." })}
          <div class="wide">${this.address("connectionString", "Source", "mongodb://user:password@host:27017/?replicaSet=rs0")}</div>
          <div class="wide">${this.address("storeUri", "Store", "file:///var/lib/oplog or mongodb://host:27017/oplog_store")}</div>
        </div>
      </fieldset>
      <details ?open=${!isNew}>
        <summary>Capture, retention, base snapshots</summary>
        <fieldset class="fields" ?disabled=${this.readonly}>${this.settings(isNew)}</fieldset>
      </details>
      ${this.checks ? this.checkList(this.checks) : nothing}
      ${this.failure ? failureNotice(this.failure) : nothing}
      ${
        this.readonly
          ? nothing
          : html`<div class="row">
              <button class="primary" ?disabled=${disabled}>${isNew ? "Register" : "Save"}${this.busy === "saving" ? icon("working", "turning") : nothing}</button>
              <button type="button" ?disabled=${disabled} @click=${this.onTest}>Test connection${this.busy === "testing" ? icon("working", "turning") : nothing}</button>
              ${this.cancelable ? html`<button type="button" class="plain" @click=${() => this.emit("oplog-cancel", null)}>Cancel</button>` : nothing}
              <slot name="actions"></slot>
            </div>`
      }
    </form>`;
  }

  private settings(isNew: boolean): TemplateResult[] {
    const { values } = this;
    const capture = html`<div class="field">
      <label for="capture">Capture</label>
      <select id="capture" name="capture">
        ${[
          ["auto", "Automatic"],
          ["change-stream", "Change stream"],
          ["oplog", "Raw oplog (fastest, most complete)"],
        ].map(([value, words]) => html`<option value=${value} ?selected=${values.capture === value}>${words}</option>`)}
      </select>
      <span class="muted small">The raw oplog needs read on the database local.</span>
    </div>`;
    return [
      capture,
      ...(isNew ? [this.field("startFrom", "Start from", { hint: "now, oldest, or a time: 2026-11-22T14:05:24Z" })] : []),
      this.field("maxAgeHours", "Keep history for (hours)", { type: "number", placeholder: "for ever" }),
      this.field("maxGigabytes", "Keep at most (GB)", { type: "number", placeholder: "no limit" }),
      this.field("snapshotEveryHours", "Base snapshot every (hours)", {
        type: "number",
        placeholder: "only by hand",
        hint: "A restore begins with the newest one before the moment.",
      }),
      this.field("rpoMs", "Recovery point objective (ms)", {
        type: "number",
        hint: "A segment is stored at this age: so far the log may be behind its source.",
      }),
      this.field("lagWarningMinutes", "Warn at a lag above (minutes)", { type: "number" }),
      ...(isNew
        ? [
            html`<label class="choice"><input type="checkbox" name="autoStart" .checked=${values.autoStart} />Start the collector at once</label>`,
          ]
        : []),
    ];
  }

  private field(
    name: Exclude<keyof FormValues, "autoStart">,
    label: string,
    more: Partial<Parameters<typeof formField>[0]> = {},
  ): TemplateResult {
    return formField({ name, label, value: this.values[name], problem: this.problems[name], ...more });
  }

  private address(name: "connectionString" | "storeUri", label: string, placeholder: string): TemplateResult {
    const shown = this.current?.[name];
    const hint =
      shown === undefined
        ? name === "connectionString"
          ? "A replica set or sharded cluster. env:NAME or file-ref:/path keeps the password out of here."
          : "Another MongoDB or a folder on the server. Never on the source itself."
        : html`Now <span class="mono">${shown}</span>. Leave empty to keep it; passwords are never shown.`;
    return this.field(name, label, { placeholder, hint, mono: true, required: this.cluster === "" });
  }

  private checkList(checks: readonly DoctorCheck[]): TemplateResult {
    const bad = checks.filter(({ ok }) => ok === false).length;
    return html`<section aria-label="Connection test" class="stack" role="status">
      <h3>${bad === 0 ? "The connection works" : `${bad} of ${checks.length} checks failed`}</h3>
      <ul class="checks">
        ${checks.map(
          ({ check, ok, detail, hint }) => html`<li>
            ${ok === true ? icon("ok", "ok") : ok === "warning" ? icon("warning", "warn") : icon("error", "danger")}
            <div>
              <span class="visually-hidden">${ok === true ? "Good: " : ok === "warning" ? "Warning: " : "Failed: "}</span><strong>${check}</strong>
              <div class="muted">${detail}</div>
              ${hint ? html`<div>${hint}</div>` : nothing}
            </div>
          </li>`,
        )}
      </ul>
    </section>`;
  }

  private async load(): Promise<void> {
    this.current = null;
    this.checks = this.failure = null;
    this.problems = {};
    this.values = EMPTY_VALUES;
    if (this.cluster === "") return;
    try {
      this.current = await this.api.ask<Cluster>(clusterPath(this.cluster));
      this.values = valuesOf(this.current);
    } catch (error) {
      this.fail(error);
    }
  }

  private readonly onInput = (): void => {
    const given = new FormData(this.form);
    const values: Record<string, string | boolean> = { ...this.values };
    for (const name of Object.keys(EMPTY_VALUES)) if (given.has(name)) values[name] = String(given.get(name));
    if (this.cluster === "") values.autoStart = given.has("autoStart");
    this.values = values as FormValues;
  };

  private readonly onSubmit = async (event: Event): Promise<void> => {
    event.preventDefault();
    const isNew = this.cluster === "";
    if (this.readonly || this.busy || !this.check(isNew)) return;
    this.busy = "saving";
    try {
      const cluster = isNew
        ? await this.api.ask<Cluster>("/clusters", { method: "POST", body: registrationOf(this.values) })
        : await this.api.ask<Cluster>(clusterPath(this.cluster), { method: "PATCH", body: changeOf(this.values) });
      this.feed.note(cluster);
      if (isNew) this.values = EMPTY_VALUES;
      else this.current = cluster;
      this.emit(isNew ? "oplog-cluster-registered" : "oplog-cluster-changed", cluster);
    } catch (error) {
      this.fail(error);
    } finally {
      this.busy = null;
    }
  };

  private readonly onTest = async (): Promise<void> => {
    const { connectionString, storeUri, database, capture } = this.values;
    if (this.readonly || this.busy) return;
    if (!connectionString.trim()) {
      this.problems = { connectionString: "Type the source's address to test it; the stored one is never sent back." };
      this.focusProblem();
      return;
    }
    this.busy = "testing";
    this.problems = {};
    this.failure = this.checks = null;
    try {
      const body = {
        connectionString: connectionString.trim(),
        database: database.trim() || null,
        capture,
        ...(storeUri.trim() && { storeUri: storeUri.trim() }),
      };
      this.checks = await this.api.ask<DoctorCheck[]>("/doctor", { method: "POST", body });
      this.problems = problemsOfChecks(this.checks);
      if (Object.keys(this.problems).length > 0) this.focusProblem();
    } catch (error) {
      this.fail(error);
    } finally {
      this.busy = null;
    }
  };

  private check(isNew: boolean): boolean {
    this.problems = problemsOf(this.values, isNew);
    this.failure = null;
    if (Object.keys(this.problems).length === 0) return true;
    this.focusProblem();
    return false;
  }

  private fail(error: unknown): void {
    if (!(error instanceof ApiError)) throw error;
    const fields = error.status === 409 && this.cluster === "" ? [{ field: "name", problem: error.message }] : error.fields;
    const problems = Object.fromEntries(fields.map(({ field, problem }) => [FIELD_NAMES[field] ?? field, problem]));
    const known = Object.keys(problems).filter((name) => name in EMPTY_VALUES);
    this.problems = problems;
    this.failure = known.length === fields.length && known.length > 0 ? null : error;
    if (known.length > 0) this.focusProblem();
  }

  private focusProblem(): void {
    void this.updateComplete.then(() => this.renderRoot.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus());
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "oplog-cluster-form": OplogClusterForm;
  }
}
