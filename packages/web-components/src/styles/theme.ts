import { css } from "lit";

/**
 * Colours, corners and fonts. A host page changes them by the custom properties `--oplog-*`; each has a light and a dark default. What is set on an
 * element or above it holds for everything inside it.
 */
export const theme = css`
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
`;
