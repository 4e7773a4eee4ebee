import { html, nothing, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import type { Cluster } from "../api/answers.js";
import { ApiError, type GetToken } from "../api/api-client.js";
import { type Connection, connectionTo } from "../api/connection.js";
import { FeedController } from "../api/feed-controller.js";
import { failureNotice } from "../failure-notice.js";
import { icon } from "../icons.js";
import { OplogElement } from "../oplog-element.js";
import { styles } from "../styles.js";
import { dashboardStyles } from "./dashboard-styles.js";
import { mark } from "./mark.js";
import { registerAdvice } from "./register-advice.js";
import { CLUSTERS_BASE, clusterHash, parseRoute, type Route } from "./route.js";
import "./cluster-form.js";
import "./cluster-list.js";
import "./cluster-page.js";
import "./connection-state.js";
import "./first-cluster.js";
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
  static override styles = [styles, dashboardStyles];

  /** `memory` leaves the page's address alone, where the host uses its hash itself. */
  @property() routing: "hash" | "memory" = "hash";

  @state() private route: Route = { page: "overview" };
  @state() private session: Session | null = null;
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

  override render(): TemplateResult {
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
    if (feed.loaded && feed.clusters.size === 0)
      return html`<oplog-first-cluster
        endpoint=${this.endpoint}
        .getToken=${this.token}
        ?readonly=${!this.mayAdminister}
        ?sample=${this.session?.sample ?? false}
        @oplog-cluster-registered=${(event: CustomEvent<Cluster>) => this.go(clusterHash(event.detail.name))}
      ></oplog-first-cluster>`;
    return html`<div class="row spread">
        <h1>Clusters</h1>
        ${this.mayAdminister ? html`<a class="button primary" href="#/register">${icon("plus")}Register a cluster</a>` : nothing}
      </div>
      <oplog-cluster-list endpoint=${this.endpoint} .getToken=${this.token} link-base=${CLUSTERS_BASE} ?readonly=${this.looksOnly}></oplog-cluster-list>`;
  }

  private register(): TemplateResult {
    return html`<div class="row spread"><h1>Register a cluster</h1></div>
      <div class="with-advice"><div class="panel">
        <oplog-cluster-form
          endpoint=${this.endpoint}
          .getToken=${this.token}
          ?readonly=${this.readonly || (this.session !== null && !this.mayAdminister)}
          cancelable
          @oplog-cancel=${() => this.go("#/")}
          @oplog-cluster-registered=${(event: CustomEvent<Cluster>) => this.go(clusterHash(event.detail.name))}
        ></oplog-cluster-form>
      </div>
      ${registerAdvice()}</div>`;
  }

  private denied(): TemplateResult {
    const { error } = this.live.feed;
    if (error && (this.getToken || error.status === 403))
      return failureNotice(error, html`<div><button @click=${() => this.live.feed.retry()}>Try again</button></div>`);
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
    try {
      this.session = await connection.api.ask<Session>("/session");
    } catch (error) {
      this.session = null;
      // Asked again with the next word of the feed, unless it would be refused again.
      if (!(error instanceof ApiError && error.isDenied)) this.sessionOf = null;
    }
  }

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

declare global {
  interface HTMLElementTagNameMap {
    "oplog-dashboard": OplogDashboard;
  }
}
