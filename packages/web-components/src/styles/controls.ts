import { css } from "lit";

/** Buttons, links that look like them, fields with their labels and problems. */
export const controls = css`
  button,
  input,
  select,
  textarea {
    font: inherit;
    color: inherit;
    letter-spacing: inherit;
  }
  button,
  .button {
    display: inline-flex;
    align-items: center;
    justify-content: center;
    gap: 6px;
    min-height: 30px;
    padding: 4px 12px;
    border: 1px solid var(--border);
    border-radius: var(--radius);
    background: var(--surface);
    color: var(--text);
    font-weight: 500;
    text-decoration: none;
    white-space: nowrap;
    cursor: pointer;
  }
  button:hover:not(:disabled),
  .button:hover {
    border-color: var(--border-strong);
  }
  button:disabled {
    cursor: default;
    color: var(--muted);
    background: var(--sunken);
  }
  button.primary:not(:disabled),
  .button.primary {
    background: var(--accent);
    border-color: var(--accent);
    color: var(--on-accent);
  }
  button.primary:hover:not(:disabled),
  .button.primary:hover {
    filter: brightness(1.08);
  }
  button.danger:not(:disabled) {
    color: var(--danger);
  }
  button.danger.primary:not(:disabled) {
    background: var(--danger);
    border-color: var(--danger);
    color: light-dark(#fff, #2a0b08);
  }
  button.plain {
    border-color: transparent;
    background: none;
    padding-inline: 8px;
  }
  button.plain:hover:not(:disabled) {
    background: var(--sunken);
  }
  button.link {
    min-height: 0;
    padding: 0;
    border: 0;
    background: none;
    color: var(--accent);
    font-weight: inherit;
    text-decoration: underline;
    text-underline-offset: 2px;
    white-space: normal;
    text-align: start;
  }
  input:not([type="checkbox"], [type="radio"]),
  select,
  textarea {
    width: 100%;
    min-height: 30px;
    padding: 4px 8px;
    border: 1px solid var(--border-strong);
    border-radius: var(--radius);
    background: var(--surface);
  }
  input::placeholder,
  textarea::placeholder {
    color: var(--muted);
    opacity: 1;
  }
  input[aria-invalid="true"],
  textarea[aria-invalid="true"] {
    border-color: var(--danger);
  }
  input[type="checkbox"],
  input[type="radio"] {
    width: 16px;
    height: 16px;
    margin: 2px 0 0;
    accent-color: var(--accent);
    flex: none;
  }
  .field {
    display: grid;
    gap: 4px;
    align-content: start;
  }
  .field > label,
  legend {
    font-weight: 500;
    padding: 0;
  }
  .optional {
    font-weight: 400;
    font-size: 12px;
  }
  .field > .problem {
    color: var(--danger);
    font-size: 12px;
    line-height: 16px;
  }
  summary {
    cursor: pointer;
    width: fit-content;
  }
  fieldset {
    border: 0;
    margin: 0;
    padding: 0;
    min-width: 0;
  }
  label.choice {
    display: flex;
    gap: 8px;
    align-items: flex-start;
  }
`;
