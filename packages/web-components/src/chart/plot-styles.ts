import { css, unsafeCSS } from "lit";
import uplotStyles from "uplot/dist/uPlot.min.css";

export const plotStyles = [
  unsafeCSS(uplotStyles),
  css`
    .plot {
      height: 180px;
      overflow: hidden;
    }
    .plot .u-cursor-x {
      border-color: var(--border-strong);
    }
    .lines {
      display: flex;
      flex-wrap: wrap;
      gap: 4px 16px;
      margin-top: 8px;
      min-height: 20px;
    }
    .lines li {
      display: inline-flex;
      align-items: center;
      gap: 6px;
      min-width: 0;
      overflow-wrap: anywhere;
    }
    .lines svg {
      width: 20px;
      height: 8px;
      flex: none;
      fill: none;
      stroke-width: 2.5;
    }
    .l0 {
      stroke: var(--line-0);
    }
    .l1 {
      stroke: var(--line-1);
    }
    .l2 {
      stroke: var(--line-2);
    }
    .l3 {
      stroke: var(--line-3);
    }
    .l4 {
      stroke: var(--line-4);
    }
    .l5 {
      stroke: var(--line-5);
    }
    :host {
      --line-0: light-dark(#1d4ed8, #7aa9ff);
      --line-1: light-dark(#b45309, #f5b04f);
      --line-2: light-dark(#0f766e, #45d0c1);
      --line-3: light-dark(#a21caf, #e58bf0);
      --line-4: light-dark(#4d7c0f, #a6d65a);
      --line-5: light-dark(#566272, #9aa7b6);
    }
  `,
];
