import { css, html, nothing, type TemplateResult } from "lit";

export interface StripFigure {
  title: string;
  value: unknown;
  /** Said below it, more quietly. */
  more?: unknown;
  alarming?: boolean;
}

/** The figures that matter most, side by side. */
export const figureStrip = (label: string, figures: readonly StripFigure[]): TemplateResult =>
  html`<dl class="figures" part="summary" aria-label=${label}>
    ${figures.map(
      ({ title, value, more, alarming }) =>
        html`<div><dt>${title}</dt><dd class=${alarming ? "text-danger" : ""}>${value}${more ? html`<span class="small muted more">${more}</span>` : nothing}</dd></div>`,
    )}
  </dl>`;

export const figureStripStyles = css`
  .figures {
    display: grid;
    grid-template-columns: repeat(auto-fit, minmax(136px, 1fr));
    gap: 1px;
    border: 1px solid var(--border);
    border-radius: calc(var(--radius) + 2px);
    background: var(--surface);
    overflow: hidden;
  }
  .figures > div {
    padding: 10px 16px;
    box-shadow: 1px 1px 0 var(--border);
  }
  .figures dd {
    font: 600 18px / 26px var(--font);
    font-variant-numeric: tabular-nums;
    letter-spacing: -0.01em;
    overflow-wrap: anywhere;
  }
  .figures .figure-warning {
    font-weight: inherit;
  }
  /* Two beside each other: the last of an odd number takes the whole row. */
  @container (max-width: 440px) {
    .figures > :last-child:nth-child(odd) {
      grid-column: 1 / -1;
    }
  }
  .figures .more {
    display: block;
    font-weight: 400;
    letter-spacing: 0;
  }
`;
