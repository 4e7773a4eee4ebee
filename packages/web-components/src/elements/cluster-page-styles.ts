import { css } from "lit";

export const clusterPageStyles = css`
  :host {
    display: grid;
    gap: 16px;
    grid-template-columns: minmax(0, 1fr);
    container-type: inline-size;
  }
  .title {
    gap: 4px 16px;
    overflow-wrap: anywhere;
  }
  .tabs {
    display: flex;
    gap: 4px;
    border-bottom: 1px solid var(--border);
    overflow-x: auto;
    scrollbar-width: none;
  }
  .tabs a {
    padding: 6px 12px 8px;
    color: var(--muted);
    text-decoration: none;
    font-weight: 500;
    white-space: nowrap;
    border-bottom: 2px solid transparent;
  }
  .tabs a:hover {
    color: var(--text);
  }
  .tabs a:focus-visible {
    outline-offset: -2px;
  }
  .tabs a[aria-current] {
    color: var(--text);
    border-color: var(--accent);
  }
  .figures {
    display: grid;
    grid-template-columns: repeat(auto-fit, minmax(150px, 1fr));
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
  dt {
    font-size: 12px;
    line-height: 16px;
    color: var(--muted);
  }
  .figures dd {
    font: 600 16px / 24px var(--font);
    font-variant-numeric: tabular-nums;
  }
  .figures .more {
    display: block;
    font-weight: 400;
  }
  .halves {
    display: grid;
    gap: 16px;
    grid-template-columns: minmax(0, 1fr);
  }
  @container (min-width: 900px) {
    .halves {
      grid-template-columns: minmax(0, 1fr) minmax(0, 1fr);
    }
  }
  .about {
    display: grid;
    gap: 12px 24px;
    grid-template-columns: repeat(auto-fit, minmax(min(100%, 260px), 1fr));
  }
  .about dd {
    overflow-wrap: anywhere;
  }
  .note {
    margin-top: 12px;
  }
  .nothing {
    padding: 32px 16px;
    text-align: center;
  }
`;
