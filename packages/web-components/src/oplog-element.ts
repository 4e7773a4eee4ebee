import { LitElement, type PropertyValues } from "lit";
import { property } from "lit/decorators.js";
import type { ApiClient, GetToken } from "./api/api-client.js";
import { type Connection, connectionTo } from "./api/connection.js";
import type { Feed } from "./api/feed.js";

export type Theme = "light" | "dark" | "auto";

/** What all elements have in common: where the API is, who asks, how it looks. */
export class OplogElement extends LitElement {
  /** Where the API is: a path, or a URL whose server lists this page's origin. */
  @property() endpoint = "/api";
  /** Nothing can be changed from here. The API refuses by role, whatever is shown. */
  @property({ type: Boolean, reflect: true }) readonly = false;
  /** `auto` follows the system; without it the element looks as its page does (`color-scheme`). */
  @property({ reflect: true }) theme?: Theme;
  /** The host's token for the API; asked for before each request. */
  @property({ attribute: false }) getToken?: GetToken;

  protected get connection(): Connection {
    return connectionTo(this.endpoint, this.getToken);
  }

  protected get api(): ApiClient {
    return this.connection.api;
  }

  protected get feed(): Feed {
    return this.connection.feed;
  }

  /** Something changed that decides what is asked of the API. */
  protected asksAnew(changed: PropertyValues, ...own: string[]): boolean {
    return ["cluster", "endpoint", "getToken", ...own].some((name) => changed.has(name));
  }

  /** An event that the host's page can hear, wherever the element is. False when somebody prevented what comes next. */
  protected emit<T>(name: `oplog-${string}`, detail: T): boolean {
    return this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true, cancelable: true }));
  }
}
