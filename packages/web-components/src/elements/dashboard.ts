import { css, html, nothing, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import type { Cluster } from "../api/answers.js";
import { ApiError, type GetToken } from "../api/api-client.js";
import { type Connection, connectionTo } from "../api/connection.js";
import { FeedController } from "../api/feed-controller.js";
import { icon } from "../icons.js";
import { OplogElement } from "../oplog-element.js";
import { styles } from "../styles.js";
import { CLUSTERS_BASE, clusterHash, parseRoute, type Route } from "./route.js";
import "./cluster-form.js";
import "./cluster-list.js";
import "./cluster-page.js";
import "./connection-state.js";
import "./sign-in.js";

interface Session {
  name: string;
  role: "viewer" | "operator" | "admin";
  sample: boolean;
}

/** A token that was typed in stays in this tab only. */
const TOKEN_KEY = "oplog-token";

/**
 * The whole dashboard: overview, registration, one page a cluster.
 *
 * @element oplog-dashboard
 * @fires oplog-navigate - Another page is shown; `detail: {hash}`.
 * @csspart header - The bar at the top.
 * @csspart main - Below it.
 * @slot brand - Instead of the product's name.
 * @slot header - At the end of the bar.
 */
@customElement("oplog-dashboard")
export class OplogDashboard extends OplogElement {
  static override styles = [
    styles,
    css`
      :host {
        background: var(--bg);
        min-height: inherit;
        container-type: inline-size;
      }
      .bar {
        display: flex;
        align-items: center;
        gap: 8px 16px;
        flex-wrap: wrap;
        padding: 8px 24px;
        min-height: 48px;
        border-bottom: 1px solid var(--border);
        background: var(--surface);
      }
      .brand {
        display: inline-flex;
        align-items: center;
        gap: 8px;
        font-weight: 600;
        font-size: 14px;
        color: var(--text);
        text-decoration: none;
      }
      .brand > svg {
        width: 22px;
        height: 22px;
      }
      .end {
        margin-inline-start: auto;
        display: flex;
        align-items: center;
        gap: 12px;
      }
      main {
        max-width: 1680px;
        margin: 0 auto;
        padding: 20px 24px 48px;
        display: grid;
        gap: 16px;
        grid-template-columns: minmax(0, 1fr);
      }
      .first {
        max-width: 640px;
        margin: 6vh auto 0;
        padding: 32px;
        display: grid;
        gap: 16px;
      }
      .crumbs {
        display: flex;
        gap: 6px;
        align-items: center;
        min-width: 0;
      }
      .crumbs svg {
        width: 12px;
        color: var(--muted);
      }
      .crumbs a,
      .crumbs span {
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      @container (max-width: 600px) {
        .bar {
          padding-inline: 16px;
        }
        main {
          padding: 16px 16px 40px;
        }
        .first {
          padding: 20px;
        }
      }
    `,
  ];

  /** `memory` leaves the page's address alone, where the host uses its hash itself. */
  @property() routing: "hash" | "memory" = "hash";

  @state() private route: Route = { page: "overview" };
  @state() private session: Session | null = null;
  @state() private sampleFailure: ApiError | null = null;
  @state() private sampleStarts = false;
  private sessionOf: Connection | null = null;
  private ownToken: GetToken | null = null;

  private readonly live = new FeedController(this, () => this.connection);

  /** The host's token, or the one that was typed in. */
  protected override get connection(): Connection {
    if (this.getToken) return connectionTo(this.endpoint, this.getToken);
    this.ownToken ??= () => sessionStorage.getItem(TOKEN_KEY);
    return connectionTo(this.endpoint, this.ownToken);
  }

  override connectedCallback(): void {
    super.connectedCallback();
    globalThis.addEventListener("hashchange", this.onHash);
    this.addEventListener("click", this.onClick);
    if (this.routing === "hash") this.route = parseRoute(location.hash);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    globalThis.removeEventListener("hashchange", this.onHash);
    this.removeEventListener("click", this.onClick);
  }

  override render() {
    const { feed } = this.live;
    if (feed.state === "live" && this.sessionOf !== this.connection) void this.loadSession();
    const denied = feed.state === "denied";
    return html`
      <header class="bar" part="header">
        <slot name="brand"><a class="brand" href="#/">${mark} Oplog Collector</a></slot>
        ${this.route.page === "cluster" ? this.crumbs(this.route.cluster) : nothing}
        <div class="end">
          <oplog-connection-state endpoint=${this.endpoint} .getToken=${this.token}></oplog-connection-state>
          <slot name="header"></slot>
        </div>
      </header>
      <main part="main">${denied ? this.denied() : this.page()}</main>
    `;
  }

  private get token(): GetToken {
    return this.getToken ?? this.ownToken!;
  }

  /** Who may only look gets nothing to change things with; the API refuses anyway. */
  private get looksOnly(): boolean {
    return this.readonly || this.session?.role === "viewer";
  }

  private get mayAdminister(): boolean {
    return !this.readonly && this.session?.role === "admin";
  }

  private page(): TemplateResult {
    const { route } = this;
    if (route.page === "register") return this.register();
    if (route.page === "cluster")
      return html`<oplog-cluster-page
        cluster=${route.cluster}
        tab=${route.tab}
        .parameters=${route.parameters}
        user-role=${this.session?.role ?? "viewer"}
        endpoint=${this.endpoint}
        .getToken=${this.token}
        ?readonly=${this.looksOnly}
        @oplog-go=${(event: CustomEvent<{ hash: string }>) => this.go(event.detail.hash)}
        @oplog-cluster-removed=${() => this.go("#/")}
      ></oplog-cluster-page>`;
    const { feed } = this.live;
    if (feed.loaded && feed.clusters.size === 0) return this.first();
    return html`<div class="row spread">
        <h1>Clusters</h1>
        ${this.mayAdminister ? html`<a class="button primary" href="#/register">${icon("plus")}Register a cluster</a>` : nothing}
      </div>
      <oplog-cluster-list endpoint=${this.endpoint} .getToken=${this.token} link-base=${CLUSTERS_BASE} ?readonly=${this.looksOnly}></oplog-cluster-list>`;
  }

  private register(): TemplateResult {
    return html`<div class="row spread"><h1>Register a cluster</h1></div>
      <div class="panel">
        <oplog-cluster-form
          endpoint=${this.endpoint}
          .getToken=${this.token}
          ?readonly=${this.readonly || (this.session !== null && !this.mayAdminister)}
          cancelable
          @oplog-cancel=${() => this.go("#/")}
          @oplog-cluster-registered=${(event: CustomEvent<Cluster>) => this.go(clusterHash(event.detail.name))}
        ></oplog-cluster-form>
      </div>`;
  }

  /** The first minute: nothing is registered yet. */
  private first(): TemplateResult {
    const sample = this.session?.sample && this.mayAdminister;
    return html`<section class="panel first" aria-labelledby="first">
      <h1 id="first">Record every change, go back to any moment</h1>
      <p>
        Register a MongoDB deployment, and its changes are written to a log of their own, in a folder or in another MongoDB. From then on it can be put
        back to any moment that the log covers.
      </p>
      ${
        this.mayAdminister
          ? html`<div class="row">
              <a class="button primary" href="#/register">Register a cluster</a>
              ${sample ? html`<button ?disabled=${this.sampleStarts} @click=${this.onSample}>Try it with a sample cluster${this.sampleStarts ? icon("working", "turning") : nothing}</button>` : nothing}
            </div>`
          : html`<p class="muted">Nothing is registered yet. Registering needs the role admin.</p>`
      }
      ${sample ? html`<p class="muted small">The sample is a small MongoDB on this machine with a shop that sells things all the time. Removing the cluster removes it.</p>` : nothing}
      ${
        this.sampleFailure
          ? html`<div class="notice danger" role="alert">${icon("error")}<strong>${this.sampleFailure.message}</strong><span>${this.sampleFailure.hint}</span></div>`
          : nothing
      }
    </section>`;
  }

  private denied(): TemplateResult {
    const { error } = this.live.feed;
    if (this.getToken || error?.status === 403)
      return html`<div class="notice danger" role="alert">
        ${icon("error")}<strong>${error?.message}</strong>
        <div class="row"><span>${error?.hint}</span><button @click=${() => this.live.feed.retry()}>Try again</button></div>
      </div>`;
    return html`<oplog-sign-in
      ?failed=${sessionStorage.getItem(TOKEN_KEY) !== null}
      @oplog-sign-in=${(event: CustomEvent<{ token: string }>) => {
        sessionStorage.setItem(TOKEN_KEY, event.detail.token);
        this.live.feed.retry();
      }}
    ></oplog-sign-in>`;
  }

  private crumbs(cluster: string): TemplateResult {
    return html`<nav class="crumbs" aria-label="Where you are">
      <a href="#/">Clusters</a>${icon("right")}<span aria-current="page">${cluster}</span>
    </nav>`;
  }

  private async loadSession(): Promise<void> {
    const { connection } = this;
    this.sessionOf = connection;
    this.session = await connection.api.ask<Session>("/session").catch(() => null);
    // Asked again with the next word of the feed.
    if (!this.session) this.sessionOf = null;
  }

  private readonly onSample = async (): Promise<void> => {
    this.sampleStarts = true;
    this.sampleFailure = null;
    try {
      const cluster = await this.api.ask<Cluster>("/sample", { method: "POST" });
      this.feed.note(cluster);
      this.go(clusterHash(cluster.name));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.sampleFailure = error;
    } finally {
      this.sampleStarts = false;
    }
  };

  private go(hash: string): void {
    if (this.routing === "hash") location.hash = hash;
    else this.show(hash);
  }

  private show(hash: string): void {
    this.route = parseRoute(hash);
    this.emit("oplog-navigate", { hash });
  }

  private readonly onHash = (): void => {
    if (this.routing === "hash") this.show(location.hash);
  };

  /** In memory routing, links within are ours. */
  private readonly onClick = (event: MouseEvent): void => {
    if (this.routing === "hash" || event.defaultPrevented || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const link = event.composedPath().find((target): target is HTMLAnchorElement => target instanceof HTMLAnchorElement);
    const hash = link?.getAttribute("href");
    if (!hash?.startsWith("#/")) return;
    event.preventDefault();
    this.show(hash);
  };
}

const mark = html`<svg viewBox="0 0 32 32" aria-hidden="true">
  <rect width="32" height="32" rx="7" fill="#1d4ed8" />
  <path d="M6 20h6m3 0h11" stroke="#fff" stroke-width="4" stroke-linecap="round" />
  <path d="M20 8v7" stroke="#9ec5ff" stroke-width="3" stroke-linecap="round" />
  <circle cx="20" cy="20" r="3.600" fill="#fff" />
</svg>`;

declare global {
  interface HTMLElementTagNameMap {
    "oplog-dashboard": OplogDashboard;
  }
}
