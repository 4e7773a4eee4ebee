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
  /* There is more to the right: it fades rather than ends. */
  @container (max-width: 560px) {
    .tabs {
      mask-image: linear-gradient(90deg, #000 calc(100% - 32px), transparent);
    }
    .tabs::after {
      content: "";
      flex: none;
      width: 24px;
    }
  }
  .settings {
    max-width: 840px;
  }
  .danger-row {
    display: grid;
    grid-template-columns: minmax(0, 1fr) auto;
    gap: 4px 24px;
    align-items: center;
  }
  .danger-row + .danger-row {
    border-top: 1px solid var(--border);
    padding-top: 12px;
  }
`;
