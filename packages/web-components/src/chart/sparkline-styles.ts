import { css } from "lit";

export const sparklineStyles = css`
  .sparkline {
    display: block;
    width: 72px;
    height: 20px;
  }
  .sparkline path {
    fill: none;
    stroke: var(--accent);
    stroke-width: 1.5;
    vector-effect: non-scaling-stroke;
    stroke-linejoin: round;
  }
`;
