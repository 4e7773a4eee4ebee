import { css, html, nothing, type TemplateResult } from "lit";
import type { Change } from "./document-change.js";
import { type EjsonDocument, type EjsonValue, longText, shortText } from "./ejson-text.js";
import type { EventContent } from "./event-content.js";

const SIGNS: Record<Change["kind"], { sign: string; words: string }> = {
  add: { sign: "+", words: "added" },
  set: { sign: "~", words: "set" },
  remove: { sign: "−", words: "removed" },
  truncate: { sign: "✂", words: "shortened to" },
};

/** What an update did, a field a line; with what was there before, where that is known. */
export function changeTable(changes: readonly Change[], before: EjsonDocument | null = null): TemplateResult {
  return html`<ul class="changes mono">
    ${changes.map(({ kind, path, value }) => {
      const old = before ? valueAt(before, path) : undefined;
      return html`<li class=${kind}>
        <span class="sign" aria-hidden="true">${SIGNS[kind].sign}</span><span class="visually-hidden">${SIGNS[kind].words}</span>
        <span class="path">${path}</span>
        <span class="values">
          ${old !== undefined && kind !== "truncate" ? html`<del>${shortText(old)}</del>` : nothing}
          ${kind === "remove" ? (old === undefined ? html`<span class="muted">removed</span>` : nothing) : html`<ins>${kind === "truncate" ? "first " : ""}${shortText(value)}</ins>`}
        </span>
      </li>`;
    })}
  </ul>`;
}

export const documentText = (document: EjsonDocument): TemplateResult =>
  html`<pre class="document" tabindex="0">${longText(document)}</pre>`;

/** All that an event says: the diff of an update, the document, or what a command was told. */
export function eventDetail({ changes, document, description }: EventContent): TemplateResult {
  return html`
    ${changes ? (changes.length > 0 ? changeTable(changes) : html`<p class="muted">The update changed nothing.</p>`) : nothing}
    ${document && !changes ? documentText(document) : nothing}
    ${description ? documentText(description) : nothing}
    ${!changes && !document && !description ? html`<p class="muted">The event says no more than its operation and its namespace.</p>` : nothing}
  `;
}

function valueAt(document: EjsonDocument, path: string): EjsonValue | undefined {
  let value: EjsonValue | undefined = document;
  for (const name of path.split(".")) {
    if (typeof value !== "object" || value === null) return undefined;
    value = (value as { readonly [key: string]: EjsonValue })[name];
  }
  return value;
}

export const eventDetailStyles = css`
  .changes {
    border: 1px solid var(--border);
    border-radius: var(--radius);
    background: var(--surface);
    overflow: hidden;
  }
  .changes li {
    display: grid;
    grid-template-columns: 16px minmax(80px, 1fr) minmax(0, 3fr);
    gap: 8px;
    padding: 4px 10px;
    overflow-wrap: anywhere;
  }
  .changes li + li {
    border-top: 1px solid var(--border);
  }
  .sign {
    font-weight: 700;
    text-align: center;
  }
  .add .sign {
    color: var(--ok);
  }
  .remove .sign,
  .truncate .sign {
    color: var(--danger);
  }
  .values {
    display: flex;
    flex-wrap: wrap;
    gap: 2px 8px;
  }
  ins,
  del {
    padding: 0 4px;
    border-radius: 3px;
    text-decoration: none;
  }
  ins {
    background: var(--ok-soft);
  }
  del {
    background: var(--danger-soft);
    text-decoration: line-through;
  }
  pre.document {
    margin: 0;
    padding: 10px 12px;
    border: 1px solid var(--border);
    border-radius: var(--radius);
    background: var(--surface);
    overflow: auto;
    max-height: 360px;
    white-space: pre-wrap;
    overflow-wrap: anywhere;
  }
`;
