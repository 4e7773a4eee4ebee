import { css } from "lit";

/** How things stand beside and below one another: rows, panels, notices, icons, tables. */
export const blocks = css`
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
    /* Never wider than its place, whatever is in it. */
    grid-template-columns: minmax(0, 1fr);
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
  /* Instead of what would be there. */
  .nothing {
    padding: 32px 16px;
    text-align: center;
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
