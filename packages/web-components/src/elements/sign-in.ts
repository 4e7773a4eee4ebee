import { css, html, LitElement, type TemplateResult } from "lit";
import { customElement, property } from "lit/decorators.js";
import { styles } from "../styles.js";
import { formField } from "./form-field.js";

/**
 * Asks for a token, where the host page has none.
 *
 * @element oplog-sign-in
 * @fires oplog-sign-in - `detail: {token}`
 */
@customElement("oplog-sign-in")
export class OplogSignIn extends LitElement {
  static override styles = [
    styles,
    css`
      form {
        max-width: 400px;
        margin: 8vh auto 0;
        padding: 24px;
      }
    `,
  ];

  /** The token that was given last was refused. */
  @property({ type: Boolean }) failed = false;

  override render(): TemplateResult {
    return html`<form class="panel stack" @submit=${this.onSubmit}>
      <h1>Sign in</h1>
      <p class="muted">This server asks for a token. It stays in this tab until you close it.</p>
      ${formField({ name: "token", label: "Token", value: "", required: true, mono: true, problem: this.failed ? "That token is not accepted." : undefined })}
      <div><button class="primary">Sign in</button></div>
    </form>`;
  }

  private readonly onSubmit = (event: SubmitEvent): void => {
    event.preventDefault();
    const token = String(new FormData(event.target as HTMLFormElement).get("token") ?? "").trim();
    if (token) this.dispatchEvent(new CustomEvent("oplog-sign-in", { detail: { token }, bubbles: true, composed: true }));
  };
}
