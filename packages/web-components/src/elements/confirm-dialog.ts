import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import { icon } from "../icons.js";
import { styles } from "../styles.js";
import { formField } from "./form-field.js";

/**
 * Asks before something that can't be undone: the user types a word.
 *
 * @element oplog-confirm-dialog
 * @fires oplog-confirm - It was typed. Not told to the host's page.
 * @slot - What will happen.
 */
@customElement("oplog-confirm-dialog")
export class OplogConfirmDialog extends LitElement {
  static override styles = [
    styles,
    css`
      dialog {
        width: min(520px, calc(100vw - 32px));
        padding: 0;
        border: 1px solid var(--border-strong);
        border-radius: calc(var(--radius) + 4px);
        background: var(--surface);
        color: var(--text);
      }
      dialog::backdrop {
        background: rgb(8 12 18 / 50%);
      }
      form {
        padding: 20px;
      }
      .buttons {
        justify-content: flex-end;
      }
    `,
  ];

  @property() override title = "";
  /** What has to be typed; empty: a button is enough. */
  @property() word = "";
  @property() action = "";
  @property({ type: Boolean }) harmless = false;
  @state() private typed = "";
  @state() private open = false;
  @query("dialog") private dialog!: HTMLDialogElement;

  show(): void {
    this.typed = "";
    this.open = true;
    void this.updateComplete.then(() => this.dialog.showModal());
  }

  override render(): TemplateResult {
    return html`<dialog
      aria-labelledby="title"
      @close=${() => {
        this.open = false;
      }}
    >
      ${this.open ? this.form() : nothing}
    </dialog>`;
  }

  private form() {
    const ready = this.word === "" || this.typed === this.word;
    return html`
      <form method="dialog" class="stack" @submit=${this.onSubmit} @input=${(event: InputEvent) => {
        this.typed = (event.target as HTMLInputElement).value;
      }}>
        <h2 id="title">${this.title}</h2>
        <div><slot></slot></div>
        ${
          this.word === ""
            ? nothing
            : formField({ name: "word", label: `Type ${this.word} to confirm`, value: this.typed, required: true, mono: true })
        }
        <div class="row buttons">
          <button type="button" @click=${() => this.dialog.close()}>Cancel</button>
          <button class="primary ${this.harmless ? "" : "danger"}" ?disabled=${!ready}>${this.harmless ? nothing : icon("warning")}${this.action}</button>
        </div>
      </form>`;
  }

  private readonly onSubmit = (): void => {
    this.dispatchEvent(new CustomEvent("oplog-confirm"));
  };
}

declare global {
  interface HTMLElementTagNameMap {
    "oplog-confirm-dialog": OplogConfirmDialog;
  }
}
