import { html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { repeat } from "lit/directives/repeat.js";
import type { EventRow } from "../api/answers.js";
import { ApiError } from "../api/api-client.js";
import { FeedController } from "../api/feed-controller.js";
import { formField } from "../elements/form-field.js";
import { failureNotice } from "../failure-notice.js";
import { formatLocal, formatUtc } from "../format/times.js";
import { icon } from "../icons.js";
import { OplogElement } from "../oplog-element.js";
import { restoreBefore } from "../restore/restore-before.js";
import { styles } from "../styles.js";
import { shortText } from "./ejson-text.js";
import { eventBrowserStyles } from "./event-browser-styles.js";
import { changeWords, contentOf, type EventContent } from "./event-content.js";
import { eventDetail, eventDetailStyles } from "./event-detail.js";
import { type EventFilters, EventList, keyOf, NO_FILTERS } from "./event-list.js";

const OPERATIONS = [
  "insert",
  "update",
  "replace",
  "delete",
  "create",
  "drop",
  "rename",
  "dropDatabase",
  "createIndexes",
  "dropIndexes",
  "modify",
];

/** Said beside the button that was pressed, for as long as it takes to read. */
const COPIED_MS = 2_000;

/**
 * The events of a cluster's log, the newest first: filtered, followed live, each with what it changed.
 *
 * @element oplog-event-browser
 * @fires oplog-restore-before - "Restore to just before this" was chosen; `detail: {cluster, time, clusterTime}`, the cluster time being the one to restore to.
 * @fires oplog-document-open - The history of a document was asked for; `detail: {cluster, ns, id}`, the id as Extended JSON.
 * @csspart filters - The form.
 * @csspart events - The list.
 */
@customElement("oplog-event-browser")
export class OplogEventBrowser extends OplogElement {
  static override styles = [styles, eventDetailStyles, eventBrowserStyles];

  /** Id or name of the cluster. */
  @property() cluster = "";
  /** What is shown; a new object shows something else. */
  @property({ attribute: false }) filters: EventFilters = NO_FILTERS;
  /** New events come by themselves. */
  @property({ type: Boolean, reflect: true }) following = false;

  @state() private list: EventList | null = null;
  @state() private busy = false;
  @state() private failure: ApiError | null = null;
  @state() private open: string | null = null;
  @state() private copied: string | null = null;
  private readonly contents = new WeakMap<EventRow, EventContent>();
  private seen: string | null = null;
  private readonly live = new FeedController(this, () => this.connection);

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (this.asksAnew(changed, "filters")) void this.begin();
    else if (this.following) this.follow();
  }

  override render(): TemplateResult {
    return html`${this.form()}
      ${this.failure ? failureNotice(this.failure) : nothing}
      ${this.rows()}`;
  }

  private form(): TemplateResult {
    const { ns, op, id, from, to } = this.filters;
    const problems = Object.fromEntries((this.failure?.fields ?? []).map(({ field, problem }) => [field, problem]));
    return html`<form part="filters" @submit=${this.onSubmit}>
      ${formField({ name: "ns", label: "Namespace", value: ns, placeholder: "shop.*", required: false, mono: true, problem: problems.ns })}
      <div class="field">
        <label for="op">Operation <span class="muted optional">optional</span></label>
        <select id="op" name="op">
          <option value="">all</option>
          ${(op && !OPERATIONS.includes(op) ? [op, ...OPERATIONS] : OPERATIONS).map((one) => html`<option value=${one} ?selected=${one === op}>${one}</option>`)}
        </select>
      </div>
      ${formField({ name: "id", label: "Document id", value: id, placeholder: '42, "text", {"$oid":"…"}', mono: true, problem: problems.id })}
      ${formField({ name: "from", label: "After", value: from, placeholder: "2026-11-22T14:05:24Z", mono: true, problem: problems.from })}
      ${formField({ name: "to", label: "Up to", value: to, placeholder: "now", mono: true, problem: problems.to })}
      <div class="buttons">
        <button class="primary">Show</button>
        <button type="button" aria-pressed=${this.following} class="follow" @click=${this.onFollow}>${icon(this.following ? "running" : "stopped")}Live</button>
      </div>
    </form>`;
  }

  private rows(): TemplateResult {
    const { list } = this;
    if (!list || (this.busy && list.rows.length === 0))
      return this.failure ? html`` : html`<p class="panel nothing muted" role="status">Reading the log …</p>`;
    if (list.rows.length === 0)
      return html`<div class="panel nothing muted" role="status">
        ${list.cursor ? html`None found yet. <button class="link" @click=${this.onOlder}>Search further back</button>` : "No event fits."}
      </div>`;
    return html`<ol class="panel events" part="events" aria-label="Events, the newest first">
        ${repeat(list.rows, keyOf, (row) => this.row(row))}
      </ol>
      <div class="row more">
        ${
          list.cursor
            ? html`<button ?disabled=${this.busy} @click=${this.onOlder}>Older events${this.busy ? icon("working", "turning") : nothing}</button>`
            : html`<span class="muted">That is the oldest.</span>`
        }
      </div>`;
  }

  private row(row: EventRow): TemplateResult {
    const key = keyOf(row);
    const open = this.open === key;
    const content = this.contentOf(row);
    const { verb, rest } = changeWords(content);
    return html`<li>
      <button class="event" aria-expanded=${open} @click=${() => {
        this.open = open ? null : key;
      }}>
        ${icon(open ? "down" : "right")}
        <span class="time" title=${formatLocal(row.position.wallTime)}>${formatUtc(row.position.wallTime, { milliseconds: true })}</span>
        <span class="op ${row.operation}">${row.operation}</span>
        <span class="ns mono">${row.namespace}</span>
        <span class="id mono">${content.id === undefined ? nothing : shortText(content.id)}</span>
        <span class="what muted">${verb ? html`${verb} ` : nothing}${rest}</span>
      </button>
      ${open ? this.detail(row, content, key) : nothing}
    </li>`;
  }

  private detail(row: EventRow, content: EventContent, key: string): TemplateResult {
    const { clusterTime, wallTime } = row.position;
    const { cluster } = this;
    return html`<div class="detail">
      ${eventDetail(content)}
      <div class="muted small">
        ${formatUtc(wallTime, { milliseconds: true })} UTC · ${formatLocal(wallTime)} · cluster time <span class="mono">${clusterTime}</span>
      </div>
      <div class="row">
        ${this.readonly ? nothing : html`<button @click=${() => this.emit("oplog-restore-before", restoreBefore(cluster, clusterTime))}>Restore to just before this</button>`}
        ${
          content.id === undefined
            ? nothing
            : html`<button @click=${() => this.emit("oplog-document-open", { cluster, ns: row.namespace, id: JSON.stringify(content.id) })}>
                ${icon("document")}Document history
              </button>`
        }
        <button @click=${() => this.copy(row, key)}>${icon("copy")}${this.copied === key ? "Copied" : "Copy Extended JSON"}</button>
        <span class="visually-hidden" role="status">${this.copied === key ? "Copied" : ""}</span>
      </div>
    </div>`;
  }

  private contentOf(row: EventRow): EventContent {
    const content = this.contents.get(row) ?? contentOf(row);
    this.contents.set(row, content);
    return content;
  }

  private async begin(): Promise<void> {
    if (!this.cluster) return;
    const list = new EventList(this.api, this.cluster, this.filters);
    this.list = list;
    this.open = null;
    await this.read(() => list.older());
  }

  /** The feed says when the log has got longer: nothing is asked while it has not. */
  private follow(): void {
    const now = this.live.feed.find(this.cluster);
    const mark = now ? `${now.coveredTo} ${now.lastEventAt} ${now.events}` : null;
    if (mark === this.seen || this.busy || !this.list || this.failure?.isDenied) return;
    this.seen = mark;
    const { list } = this;
    void this.read(() => list.newer());
  }

  private async read(ask: () => Promise<void>): Promise<void> {
    const { list } = this;
    this.busy = true;
    try {
      await ask();
      if (list === this.list) this.failure = null;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (list === this.list) this.failure = error;
    } finally {
      this.busy = false;
    }
  }

  private async copy({ event }: EventRow, key: string): Promise<void> {
    await navigator.clipboard.writeText(event);
    this.copied = key;
    setTimeout(() => {
      if (this.copied === key) this.copied = null;
    }, COPIED_MS);
  }

  private readonly onSubmit = (event: SubmitEvent): void => {
    event.preventDefault();
    const given = new FormData(event.target as HTMLFormElement);
    const text = (name: keyof EventFilters): string => String(given.get(name) ?? "").trim();
    this.filters = { ns: text("ns"), op: text("op"), id: text("id"), from: text("from"), to: text("to") };
  };

  private readonly onFollow = (): void => {
    this.following = !this.following;
    this.seen = null;
  };

  private readonly onOlder = (): void => {
    const { list } = this;
    if (list && !this.busy) void this.read(() => list.older());
  };
}

declare global {
  interface HTMLElementTagNameMap {
    "oplog-event-browser": OplogEventBrowser;
  }
}
