import { css, html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import type { EventRow } from "../api/answers.js";
import { ApiError } from "../api/api-client.js";
import { formField } from "../elements/form-field.js";
import { failureNotice } from "../failure-notice.js";
import { formatLocal, formatUtc } from "../format/times.js";
import { OplogElement } from "../oplog-element.js";
import { restoreBefore } from "../restore/restore-before.js";
import { styles } from "../styles.js";
import { type DocumentVersion, versionsOf } from "./document-versions.js";
import { changeTable, documentText, eventDetailStyles } from "./event-detail.js";
import { EventList, NO_FILTERS } from "./event-list.js";

/**
 * Every change of one document, the newest first, with what it was before and after.
 *
 * @element oplog-document-history
 * @fires oplog-restore-before - "Restore to just before this" was chosen; `detail: {cluster, time, clusterTime}`.
 * @csspart form - Which document.
 * @csspart versions - The list.
 */
@customElement("oplog-document-history")
export class OplogDocumentHistory extends OplogElement {
  static override styles = [
    styles,
    eventDetailStyles,
    css`
      :host {
        container-type: inline-size;
        display: grid;
        gap: 16px;
        grid-template-columns: minmax(0, 1fr);
      }
      form {
        display: grid;
        grid-template-columns: repeat(auto-fit, minmax(min(100%, 220px), 1fr));
        gap: 12px;
        align-items: start;
      }
      .buttons {
        padding-top: 24px;
      }
      @container (max-width: 700px) {
        .buttons {
          padding-top: 0;
        }
      }
      .optional {
        display: none;
      }
      .versions {
        padding: 0;
      }
      .versions > li {
        padding: 12px 16px;
        display: grid;
        gap: 8px;
        grid-template-columns: minmax(0, 1fr);
      }
      .versions > li + li {
        border-top: 1px solid var(--border);
      }
      .op {
        font-weight: 600;
      }
      .op.delete {
        color: var(--danger);
      }
      details > pre {
        margin-top: 8px;
      }
    `,
  ];

  /** Id or name of the cluster. */
  @property() cluster = "";
  /** Namespace of the document. */
  @property() ns = "";
  /** The document's `_id` as Extended JSON. */
  @property({ attribute: "document-id" }) documentId = "";

  @state() private rows: readonly EventRow[] | null = null;
  @state() private failure: ApiError | null = null;
  @state() private busy = false;

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (this.asksAnew(changed, "ns", "documentId")) void this.load();
  }

  override render(): TemplateResult {
    return html`<form part="form" @submit=${this.onSubmit}>
        ${formField({ name: "ns", label: "Namespace", value: this.ns, placeholder: "shop.orders", mono: true, required: true })}
        ${formField({ name: "id", label: "Document id", value: this.documentId, placeholder: '42, "text", {"$oid":"…"}', mono: true, required: true })}
        <div class="buttons"><button class="primary">Show history</button></div>
      </form>
      ${this.failure ? failureNotice(this.failure) : nothing}
      ${this.versions()}`;
  }

  private versions(): TemplateResult | typeof nothing {
    if (this.busy) return html`<p class="panel nothing muted" role="status">Reading the log …</p>`;
    if (!this.rows)
      return this.failure ? nothing : html`<p class="panel nothing muted">Every change of one document that the log covers.</p>`;
    if (this.rows.length === 0) return html`<p class="panel nothing muted" role="status">The log holds no event of that document.</p>`;
    return html`<ol class="panel versions" part="versions" aria-label="Versions, the newest first">
      ${versionsOf(this.rows).map((version) => this.version(version))}
    </ol>`;
  }

  private version({ row, content, before, after }: DocumentVersion): TemplateResult {
    const { wallTime, clusterTime } = row.position;
    return html`<li>
      <div class="row spread">
        <span class="row"><span class="op ${row.operation}">${row.operation}</span><span>${formatUtc(wallTime, { milliseconds: true })} UTC</span><span class="muted">${formatLocal(wallTime)}</span></span>
        ${this.readonly ? nothing : html`<button class="plain" @click=${() => this.emit("oplog-restore-before", restoreBefore(this.cluster, clusterTime))}>Restore to just before this</button>`}
      </div>
      ${content.changes ? changeTable(content.changes, before) : nothing}
      ${
        after
          ? content.changes
            ? html`<details><summary>The document after it</summary>${documentText(after)}</details>`
            : documentText(after)
          : nothing
      }
      ${row.operation === "delete" && before ? html`<details open><summary>The document before it was deleted</summary>${documentText(before)}</details>` : nothing}
    </li>`;
  }

  private async load(): Promise<void> {
    const { cluster, ns, documentId } = this;
    this.rows = this.failure = null;
    if (!cluster || !ns || !documentId) return;
    this.busy = true;
    const isCurrent = () => cluster === this.cluster && ns === this.ns && documentId === this.documentId;
    try {
      const list = new EventList(this.api, cluster, { ...NO_FILTERS, ns, id: documentId });
      do await list.older();
      while (list.cursor && isCurrent());
      if (isCurrent()) this.rows = list.rows;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (isCurrent()) this.failure = error;
    } finally {
      this.busy = false;
    }
  }

  private readonly onSubmit = (event: SubmitEvent): void => {
    event.preventDefault();
    const given = new FormData(event.target as HTMLFormElement);
    this.ns = String(given.get("ns") ?? "").trim();
    this.documentId = String(given.get("id") ?? "").trim();
  };
}

declare global {
  interface HTMLElementTagNameMap {
    "oplog-document-history": OplogDocumentHistory;
  }
}
