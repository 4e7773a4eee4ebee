import { css } from "lit";

/**
 * The look of all elements. A host page changes it by the custom properties `--oplog-*`; each has a light and a dark default. What is set on an
 * element or above it holds for everything inside it.
 */
export const styles = css`
  :host {
    --bg: var(--oplog-background, light-dark(#f5f6f8, #0e1217));
    --surface: var(--oplog-surface, light-dark(#ffffff, #161c24));
    --sunken: var(--oplog-sunken, light-dark(#eef0f3, #10151b));
    --border: var(--oplog-border, light-dark(#d9dee5, #2a333e));
    --border-strong: var(--oplog-border-strong, light-dark(#7d8896, #738093));
    --text: var(--oplog-text, light-dark(#17202b, #e6ebf1));
    --muted: var(--oplog-muted, light-dark(#566272, #9aa7b6));
    --accent: var(--oplog-accent, light-dark(#1d4ed8, #7aa9ff));
    --on-accent: var(--oplog-on-accent, light-dark(#ffffff, #0b1526));
    --ok: var(--oplog-ok, light-dark(#147245, #4cc58b));
    --warn: var(--oplog-warn, light-dark(#8a5300, #eab44f));
    --danger: var(--oplog-danger, light-dark(#b3231b, #ff8f86));
    --ok-soft: var(--oplog-ok-soft, light-dark(#e4f4ec, #12301f));
    --warn-soft: var(--oplog-warn-soft, light-dark(#fdf2dc, #33270e));
    --danger-soft: var(--oplog-danger-soft, light-dark(#fdeae8, #3a1815));
    --accent-soft: var(--oplog-accent-soft, light-dark(#e8effe, #16263f));
    --covered: var(--oplog-covered, light-dark(#2f6fdb, #4d86e8));
    --radius: var(--oplog-radius, 6px);
    --font: var(--oplog-font, system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif);
    --mono: var(--oplog-font-mono, ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace);
    display: block;
    color: var(--text);
    font: 13px / 20px var(--font);
    font-variant-numeric: tabular-nums;
    -webkit-text-size-adjust: 100%;
    text-align: start;
  }
  :host([theme="auto"]) {
    color-scheme: light dark;
  }
  :host([theme="light"]) {
    color-scheme: light;
  }
  :host([theme="dark"]) {
    color-scheme: dark;
  }
  :host([hidden]) {
    display: none;
  }
  *,
  *::before,
  *::after {
    box-sizing: border-box;
  }
  h1,
  h2,
  h3,
  p,
  dl,
  dd,
  ul,
  ol,
  pre,
  figure {
    margin: 0;
    padding: 0;
  }
  ul,
  ol {
    list-style: none;
  }
  h1 {
    font: 600 20px / 28px var(--font);
    letter-spacing: -0.01em;
  }
  h2 {
    font: 600 14px / 20px var(--font);
  }
  h3 {
    font: 600 13px / 20px var(--font);
  }
  a {
    color: var(--accent);
    text-underline-offset: 2px;
  }
  code,
  pre,
  .mono {
    font-family: var(--mono);
    font-size: 12px;
  }
  .muted {
    color: var(--muted);
  }
  .small {
    font-size: 12px;
    line-height: 16px;
  }
  .number {
    text-align: end;
    white-space: nowrap;
  }
  .visually-hidden {
    position: absolute;
    width: 1px;
    height: 1px;
    overflow: hidden;
    clip-path: inset(50%);
    white-space: nowrap;
  }
  :focus-visible {
    outline: 2px solid var(--accent);
    outline-offset: 2px;
  }
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
  .row {
    display: flex;
    align-items: center;
    gap: 8px;
    flex-wrap: wrap;
  }
  .spread {
    justify-content: space-between;
  }
  .stack {
    display: grid;
    gap: 12px;
    align-content: start;
  }
  .panel {
    border: 1px solid var(--border);
    border-radius: calc(var(--radius) + 2px);
    background: var(--surface);
    padding: 16px;
    min-width: 0;
  }
  .panel > header {
    display: flex;
    align-items: center;
    justify-content: space-between;
    gap: 8px 12px;
    flex-wrap: wrap;
    margin-bottom: 12px;
    min-height: 30px;
  }
  .notice {
    display: grid;
    grid-template-columns: 16px 1fr;
    gap: 2px 10px;
    padding: 10px 12px;
    border-radius: var(--radius);
    border: 1px solid var(--border);
    background: var(--sunken);
    overflow-wrap: anywhere;
  }
  .notice > svg {
    margin-top: 2px;
  }
  .notice > :not(svg) {
    grid-column: 2;
  }
  .notice.warn {
    background: var(--warn-soft);
    border-color: color-mix(in srgb, var(--warn) 40%, transparent);
  }
  .notice.danger {
    background: var(--danger-soft);
    border-color: color-mix(in srgb, var(--danger) 40%, transparent);
  }
  .notice.ok {
    background: var(--ok-soft);
    border-color: color-mix(in srgb, var(--ok) 40%, transparent);
  }
  .ok > svg,
  svg.ok {
    color: var(--ok);
  }
  .warn > svg,
  svg.warn {
    color: var(--warn);
  }
  .danger > svg,
  svg.danger {
    color: var(--danger);
  }
  .text-warn {
    color: var(--warn);
  }
  .text-danger {
    color: var(--danger);
  }
  svg.icon {
    width: 16px;
    height: 16px;
    flex: none;
    fill: none;
    stroke: currentColor;
    stroke-width: 1.8;
    stroke-linecap: round;
    stroke-linejoin: round;
  }
  table {
    width: 100%;
    border-collapse: collapse;
  }
  th {
    font-weight: 500;
    font-size: 12px;
    color: var(--muted);
    text-align: start;
    white-space: nowrap;
  }
  th,
  td {
    padding: 6px 12px;
    border-bottom: 1px solid var(--border);
    vertical-align: middle;
  }
  tbody tr:last-child > td {
    border-bottom: 0;
  }
  th.number {
    text-align: end;
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
  .field > .problem {
    color: var(--danger);
    font-size: 12px;
    line-height: 16px;
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
  @keyframes turn {
    to {
      transform: rotate(360deg);
    }
  }
  .turning {
    animation: turn 1.2s linear infinite;
  }
  @media (prefers-reduced-motion: reduce) {
    .turning {
      animation: none;
    }
  }
`;
