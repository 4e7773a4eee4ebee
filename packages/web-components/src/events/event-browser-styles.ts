import { css } from "lit";

export const eventBrowserStyles = css`
  :host {
    container-type: inline-size;
    display: grid;
    gap: 12px;
    grid-template-columns: minmax(0, 1fr);
  }
  form {
    display: grid;
    grid-template-columns: repeat(auto-fit, minmax(150px, 1fr));
    gap: 12px;
    align-items: start;
  }
  .buttons {
    display: flex;
    gap: 8px;
    padding-top: 24px;
  }
  .follow[aria-pressed="true"] {
    background: var(--accent-soft);
    color: var(--accent);
    border-color: var(--accent);
  }
  .follow svg {
    width: 12px;
    height: 12px;
  }
  .events {
    padding: 0;
    overflow: hidden;
  }
  .events > li + li {
    border-top: 1px solid var(--border);
  }
  button.event {
    display: grid;
    grid-template-columns: 16px 176px 104px minmax(120px, 1fr) minmax(100px, 1fr) minmax(0, 2fr);
    gap: 12px;
    width: 100%;
    min-height: 32px;
    padding: 5px 12px;
    border: 0;
    border-radius: 0;
    font-weight: 400;
    justify-content: start;
    text-align: start;
    background: none;
  }
  button.event:hover {
    background: var(--sunken);
  }
  button.event:focus-visible {
    outline-offset: -2px;
  }
  button.event > span {
    overflow: hidden;
    text-overflow: ellipsis;
    white-space: nowrap;
  }
  button.event > svg {
    width: 12px;
    color: var(--muted);
  }
  .op {
    font-weight: 500;
  }
  .op.delete,
  .op.drop,
  .op.dropDatabase {
    color: var(--danger);
  }
  .detail {
    padding: 4px 12px 14px 40px;
    display: grid;
    gap: 10px;
    grid-template-columns: minmax(0, 1fr);
    background: var(--sunken);
    border-top: 1px solid var(--border);
    padding-top: 12px;
  }
  .more {
    justify-content: center;
  }
  @container (max-width: 800px) {
    button.event {
      grid-template-columns: 16px minmax(0, 1fr) auto;
      gap: 0 8px;
      padding-block: 8px;
    }
    button.event > .ns,
    button.event > .id,
    button.event > .what {
      grid-column: 2 / -1;
    }
    .op {
      grid-column: 3;
    }
    .detail {
      padding-inline: 12px;
    }
  }
`;
