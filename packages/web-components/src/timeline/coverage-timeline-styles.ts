import { css } from "lit";

export const coverageTimelineStyles = css`
  :host {
    container-type: inline-size;
  }
  .tools {
    display: flex;
    flex-wrap: wrap;
    gap: 2px;
    margin-bottom: 8px;
    min-height: 30px;
  }
  .gap-tools {
    flex: 1;
  }
  .drawing {
    position: relative;
    height: 92px;
    border-radius: var(--radius);
    cursor: crosshair;
    touch-action: pan-y;
    user-select: none;
    overflow: hidden;
  }
  .drawing.loading {
    display: grid;
    place-items: center;
    background: var(--sunken);
    cursor: default;
  }
  .drawing svg {
    display: block;
  }
  .tick line {
    stroke: var(--border);
  }
  .tick text {
    fill: var(--muted);
    font: 11px var(--font);
    font-variant-numeric: tabular-nums;
    text-anchor: middle;
  }
  .rail {
    stroke: var(--border-strong);
  }
  .covered {
    fill: var(--covered);
  }
  .gap .ground,
  rect.gap {
    fill: var(--danger-soft);
    stroke: var(--danger);
  }
  .hatch {
    fill: var(--danger);
  }
  .snapshot,
  .snapshot path {
    fill: var(--text);
  }
  .mark {
    fill: none;
    stroke: var(--danger);
    stroke-width: 2;
    stroke-linecap: round;
    stroke-linejoin: round;
  }
  .mark.mass-delete {
    fill: var(--danger);
    stroke-width: 1;
  }
  .mark.spike {
    stroke: var(--warn);
  }
  .cursor line {
    stroke: var(--text);
    stroke-width: 1.5;
  }
  .cursor path {
    fill: var(--text);
  }
  .readout {
    display: flex;
    flex-wrap: wrap;
    justify-content: space-between;
    align-items: center;
    gap: 4px 24px;
    padding-top: 8px;
    min-height: 30px;
  }
  .when {
    display: flex;
    flex-wrap: wrap;
    gap: 0 12px;
  }
  .standing {
    display: flex;
    gap: 6px;
    align-items: flex-start;
  }
  .standing svg {
    margin-top: 2px;
  }
  .legend {
    display: flex;
    flex-wrap: wrap;
    gap: 4px 14px;
  }
  .legend > span {
    display: inline-flex;
    align-items: center;
    gap: 6px;
  }
  .moments {
    margin-top: 8px;
    border-top: 1px solid var(--border);
    padding-top: 12px;
  }
  .moments ul {
    margin-top: 4px;
    display: grid;
    grid-template-columns: repeat(auto-fill, minmax(min(100%, 480px), 1fr));
    gap: 0 16px;
  }
  .moments button {
    display: grid;
    grid-template-columns: 16px minmax(0, 1fr) auto;
    width: 100%;
    white-space: normal;
    text-align: start;
    font-weight: 400;
    gap: 0 8px;
    overflow-wrap: anywhere;
  }
  .moments button > :last-child {
    white-space: nowrap;
  }
  @container (max-width: 460px) {
    .moments button > :last-child {
      grid-column: 2;
      font-size: 12px;
      line-height: 16px;
    }
  }
`;
