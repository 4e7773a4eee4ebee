import { css } from "lit";

export const dashboardStyles = css`
  :host {
    background: var(--bg);
    min-height: inherit;
    container-type: inline-size;
  }
  .bar {
    display: flex;
    align-items: center;
    gap: 8px 16px;
    flex-wrap: wrap;
    padding: 8px 24px;
    min-height: 48px;
    border-bottom: 1px solid var(--border);
    background: var(--surface);
  }
  .brand {
    display: inline-flex;
    align-items: center;
    gap: 8px;
    font-weight: 600;
    font-size: 14px;
    color: var(--text);
    text-decoration: none;
  }
  .brand > svg {
    width: 22px;
    height: 22px;
  }
  .end {
    margin-inline-start: auto;
    display: flex;
    align-items: center;
    gap: 12px;
  }
  main {
    max-width: 1680px;
    margin: 0 auto;
    padding: 20px 24px 48px;
    display: grid;
    gap: 16px;
    grid-template-columns: minmax(0, 1fr);
  }
  .with-advice {
    display: grid;
    gap: 16px;
    grid-template-columns: minmax(0, 1fr);
    align-items: start;
    max-width: 840px;
  }
  @container (min-width: 1100px) {
    .with-advice {
      grid-template-columns: minmax(0, 840px) minmax(260px, 400px);
      max-width: none;
    }
  }
  .crumbs {
    display: flex;
    gap: 6px;
    align-items: center;
    min-width: 0;
  }
  .crumbs svg {
    width: 12px;
    color: var(--muted);
  }
  .crumbs a,
  .crumbs span {
    overflow: hidden;
    text-overflow: ellipsis;
    white-space: nowrap;
  }
  @container (max-width: 600px) {
    .bar {
      padding-inline: 16px;
    }
    main {
      padding: 16px 16px 40px;
    }
  }
`;
